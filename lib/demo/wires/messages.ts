import { inputTokens, modelOf, SCRIPT_PIECES, SCRIPT_TEXT, scriptUsage } from '../script.ts';
import { type Call, eventStream, json, type Reply, sseEvent, type Wire } from '../wire.ts';

/** `/messages` and `/messages/count_tokens`. */
export const messagesWire: Wire = {
  routes: [
    { method: 'POST', path: /\/messages$/, reply },
    {
      method: 'POST',
      path: /\/messages\/count_tokens$/,
      reply: call => json({ input_tokens: inputTokens(call) }),
    },
  ],
  owns: /\/messages(\/|$)/,
  error: (status, message) => ({ type: 'error', error: { type: errorType(status), message } }),
};

function errorType(status: number): string {
  if (status === 404) return 'not_found_error';
  return status === 413 ? 'request_too_large' : 'invalid_request_error';
}

function message(call: Call, whole: boolean): object {
  const { input, output } = scriptUsage(call);
  return {
    id: `msg_demo${call.serial}`,
    type: 'message',
    role: 'assistant',
    model: modelOf(call),
    content: whole ? [{ type: 'text', text: SCRIPT_TEXT }] : [],
    stop_reason: whole ? 'end_turn' : null,
    stop_sequence: null,
    // A stream opens with the one token it is about to send, and states the sum at its end.
    usage: {
      input_tokens: input,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: whole ? output : 1,
    },
  };
}

function reply(call: Call): Reply {
  if (call.body.stream !== true) return json(message(call, true));
  const named = (type: string, rest: object = {}): string => sseEvent({ type, ...rest }, type);
  const events = [
    named('message_start', { message: message(call, false) }),
    named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    named('ping'),
  ];
  for (const text of SCRIPT_PIECES) {
    events.push(named('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }));
  }
  events.push(
    named('content_block_stop', { index: 0 }),
    named('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: scriptUsage(call).output },
    }),
    named('message_stop'),
  );
  return eventStream(events);
}
