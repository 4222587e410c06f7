import { modelOf, SCRIPT_PIECES, SCRIPT_TEXT, type ScriptUsage, scriptUsage } from '../script.ts';
import {
  type Call,
  eventStream,
  json,
  type Reply,
  SCRIPT_TIME,
  SSE_DONE,
  sseEvent,
  type Wire,
} from '../wire.ts';

/** `/chat/completions`, and the error shape of every path no other wire owns. */
export const chatWire: Wire = {
  routes: [{ method: 'POST', path: /\/chat\/completions$/, reply }],
  owns: /^/,
  error: (status, message) => ({
    error: { message, type: 'invalid_request_error', param: null, code: status === 404 ? 'not_found' : null },
  }),
};

/** Whether a stream's client asked for the extra usage event: without that the wire states no usage at all. */
export function asksForUsage(call: Call): boolean {
  const options = call.body.stream_options;
  return (
    typeof options === 'object' &&
    options !== null &&
    'include_usage' in options &&
    options.include_usage === true
  );
}

export function tokenUsage({ input, output, total }: ScriptUsage): object {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: total };
}

function reply(call: Call): Reply {
  const base = { id: `chatcmpl-demo${call.serial}`, created: SCRIPT_TIME.seconds, model: modelOf(call) };
  const usage = tokenUsage(scriptUsage(call));
  if (call.body.stream === true) return eventStream(chunks(base, usage, asksForUsage(call)));
  const message = { role: 'assistant', content: SCRIPT_TEXT, refusal: null };
  const choices = [{ index: 0, message, logprobs: null, finish_reason: 'stop' }];
  return json({ ...base, object: 'chat.completion', choices, usage });
}

function chunks(base: object, usage: object, withUsage: boolean): readonly string[] {
  const noUsageYet = withUsage ? { usage: null } : {};
  const chunk = (delta: object, finishReason: string | null): string =>
    sseEvent({
      ...base,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finishReason }],
      ...noUsageYet,
    });
  const events = [chunk({ role: 'assistant', content: '' }, null)];
  for (const content of SCRIPT_PIECES) events.push(chunk({ content }, null));
  events.push(chunk({}, 'stop'));
  if (withUsage) events.push(sseEvent({ ...base, object: 'chat.completion.chunk', choices: [], usage }));
  events.push(SSE_DONE);
  return events;
}
