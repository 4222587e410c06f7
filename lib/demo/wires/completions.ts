import { modelOf, SCRIPT_PIECES, SCRIPT_TEXT, scriptUsage } from '../script.ts';
import {
  type Call,
  eventStream,
  json,
  type Reply,
  type Route,
  SCRIPT_TIME,
  SSE_DONE,
  sseEvent,
} from '../wire.ts';
import { asksForUsage, tokenUsage } from './chat.ts';

/** Legacy `/completions`. */
export const completionsRoute: Route = { method: 'POST', path: /(?<!\/chat)\/completions$/, reply };

function reply(call: Call): Reply {
  const base = {
    id: `cmpl-demo${call.serial}`,
    object: 'text_completion',
    created: SCRIPT_TIME.seconds,
    model: modelOf(call),
  };
  const usage = tokenUsage(scriptUsage(call));
  const choice = (text: string, finishReason: string | null): object[] => [
    { index: 0, text, logprobs: null, finish_reason: finishReason },
  ];
  if (call.body.stream !== true) return json({ ...base, choices: choice(SCRIPT_TEXT, 'stop'), usage });
  const withUsage = asksForUsage(call);
  const noUsageYet = withUsage ? { usage: null } : {};
  const events = SCRIPT_PIECES.map(text => sseEvent({ ...base, choices: choice(text, null), ...noUsageYet }));
  events.push(sseEvent({ ...base, choices: choice('', 'stop'), ...noUsageYet }));
  if (withUsage) events.push(sseEvent({ ...base, choices: [], usage }));
  events.push(SSE_DONE);
  return eventStream(events);
}
