import { SCRIPT_PIECES, SCRIPT_TEXT, scriptUsage } from '../script.ts';
import { type Call, eventStream, json, type Reply, SSE_DONE, sseEvent, type Wire } from '../wire.ts';

/** `/v2/chat`: an answer in stages, each opened and closed by an event of its own. */
export const stagedChatWire: Wire = {
  routes: [{ method: 'POST', path: /\/v2\/chat$/, reply }],
  owns: /\/v2\//,
  error: (_status, message) => ({ message }),
};

function reply(call: Call): Reply {
  const id = `demo${call.serial}`;
  const { input, output } = scriptUsage(call);
  const tokens = { input_tokens: input, output_tokens: output };
  const end = { finish_reason: 'COMPLETE', usage: { billed_units: tokens, tokens } };
  if (call.body.stream !== true) {
    return json({
      id,
      message: { role: 'assistant', content: [{ type: 'text', text: SCRIPT_TEXT }] },
      ...end,
    });
  }
  const named = (type: string, rest: object): string => sseEvent({ type, ...rest }, type);
  const content = (value: object): object => ({ index: 0, delta: { message: { content: value } } });
  return eventStream([
    named('message-start', { id, delta: { message: { role: 'assistant', content: [] } } }),
    named('content-start', content({ type: 'text', text: '' })),
    ...SCRIPT_PIECES.map(text => named('content-delta', content({ text }))),
    named('content-end', { index: 0 }),
    named('message-end', { delta: end }),
    SSE_DONE,
  ]);
}
