import { type Bytes, bytes, chunkFrame, lastChunk } from '../raw/index.ts';
import { chunk, type Gate, gate, head, raw, respond, type Script } from '../upstream/index.ts';

/** What the scripted provider says in every dialect, and the usage it states. */
export const PIECES = ['The gauge ', 'reads two ', 'metres.'] as const;
export const TEXT = PIECES.join('');
export const INPUT_TOKENS = 11;
export const OUTPUT_TOKENS = 7;

export function jsonAnswer(value: unknown): Script {
  return respond(200, [['Content-Type', 'application/json']], JSON.stringify(value));
}

/** A stream of which the provider sends the first part and then waits until the test opens the gate. */
export interface HeldStream {
  readonly script: Script;
  readonly hold: Gate;
}

/**
 * `events` up to and with number `split` are the first part. The end of the
 * message comes with the last event: some clients leave once they have that.
 */
export function heldStream(contentType: string, events: readonly Bytes[], split: number): HeldStream {
  const hold = gate();
  const part = (from: number, to?: number): Buffer => Buffer.concat(events.slice(from, to).map(bytes));
  const fields = [
    ['Content-Type', contentType],
    ['Transfer-Encoding', 'chunked'],
  ] as const;
  const end = Buffer.concat([chunkFrame(part(split)), lastChunk()]);
  return { script: [head(200, fields), chunk(part(0, split)), hold, raw(end)], hold };
}

const SSE = 'text/event-stream';

function event(data: unknown, name?: string): string {
  return `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`;
}

const CHAT_USAGE = {
  prompt_tokens: INPUT_TOKENS,
  completion_tokens: OUTPUT_TOKENS,
  total_tokens: INPUT_TOKENS + OUTPUT_TOKENS,
};

const CHAT = { id: 'chat-1', created: 1_767_225_600, model: 'gauge-1' };

export const chatAnswer = jsonAnswer({
  ...CHAT,
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop' }],
  usage: CHAT_USAGE,
});

/** Chat chunks; with usage as an event of its own, or on the event that finishes. */
export function chatStream(usage: 'own event' | 'on the last'): HeldStream {
  const chunkOf = (delta: object, finish: string | null, rest: object = {}): string =>
    event({
      ...CHAT,
      object: 'chat.completion.chunk',
      choices: [{ index: 0, delta, finish_reason: finish }],
      ...rest,
    });
  const apart = usage === 'own event';
  const events = [
    chunkOf({ role: 'assistant', content: '' }, null),
    ...PIECES.map(content => chunkOf({ content }, null)),
    chunkOf({}, 'stop', apart ? {} : { usage: CHAT_USAGE }),
  ];
  if (apart) events.push(event({ ...CHAT, object: 'chat.completion.chunk', choices: [], usage: CHAT_USAGE }));
  events.push('data: [DONE]\n\n');
  return heldStream(SSE, events, 2);
}

function response(status: string): object {
  const done = status === 'completed';
  const part = { type: 'output_text', text: TEXT, annotations: [] };
  return {
    id: 'resp-1',
    object: 'response',
    created_at: CHAT.created,
    model: CHAT.model,
    status,
    output: done
      ? [{ id: 'msg-1', type: 'message', role: 'assistant', status: 'completed', content: [part] }]
      : [],
    usage: done
      ? {
          input_tokens: INPUT_TOKENS,
          input_tokens_details: { cached_tokens: 0 },
          output_tokens: OUTPUT_TOKENS,
          output_tokens_details: { reasoning_tokens: 0 },
          total_tokens: INPUT_TOKENS + OUTPUT_TOKENS,
        }
      : null,
  };
}

export const responsesAnswer = jsonAnswer(response('completed'));

export function responsesStream(): HeldStream {
  let sent = 0;
  const named = (type: string, rest: object): string =>
    event({ type, sequence_number: sent++, ...rest }, type);
  const place = { item_id: 'msg-1', output_index: 0, content_index: 0 };
  const item = (status: string, content: readonly object[]): object => ({
    output_index: 0,
    item: { id: 'msg-1', type: 'message', role: 'assistant', status, content },
  });
  const part = (text: string): object => ({ type: 'output_text', text, annotations: [] });
  const events = [
    named('response.created', { response: response('in_progress') }),
    named('response.output_item.added', item('in_progress', [])),
    named('response.content_part.added', { ...place, part: part('') }),
    ...PIECES.map(delta => named('response.output_text.delta', { ...place, delta })),
    named('response.output_text.done', { ...place, text: TEXT }),
    named('response.content_part.done', { ...place, part: part(TEXT) }),
    named('response.output_item.done', item('completed', [part(TEXT)])),
    named('response.completed', { response: response('completed') }),
  ];
  return heldStream(SSE, events, 4);
}

function message(whole: boolean): object {
  return {
    id: 'msg-1',
    type: 'message',
    role: 'assistant',
    model: CHAT.model,
    content: whole ? [{ type: 'text', text: TEXT }] : [],
    stop_reason: whole ? 'end_turn' : null,
    stop_sequence: null,
    usage: { input_tokens: INPUT_TOKENS, output_tokens: whole ? OUTPUT_TOKENS : 1 },
  };
}

export const messagesAnswer = jsonAnswer(message(true));

export function messagesStream(): HeldStream {
  const named = (type: string, rest: object = {}): string => event({ type, ...rest }, type);
  const events = [
    named('message_start', { message: message(false) }),
    named('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    ...PIECES.map(text => named('content_block_delta', { index: 0, delta: { type: 'text_delta', text } })),
    named('content_block_stop', { index: 0 }),
    named('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: OUTPUT_TOKENS },
    }),
    named('message_stop'),
  ];
  return heldStream(SSE, events, 3);
}

function generated(text: string, outputTokens: number, last: boolean): object {
  return {
    candidates: [
      { content: { role: 'model', parts: [{ text }] }, index: 0, ...(last ? { finishReason: 'STOP' } : {}) },
    ],
    usageMetadata: {
      promptTokenCount: INPUT_TOKENS,
      candidatesTokenCount: outputTokens,
      totalTokenCount: INPUT_TOKENS + outputTokens,
    },
    modelVersion: CHAT.model,
  };
}

export const generateAnswer = jsonAnswer(generated(TEXT, OUTPUT_TOKENS, true));

export function generateStream(): HeldStream {
  const events = PIECES.map((text, i) => {
    const last = i === PIECES.length - 1;
    return event(generated(text, last ? OUTPUT_TOKENS : i + 1, last));
  });
  return heldStream(SSE, events, 1);
}

const COHERE_USAGE = {
  billed_units: { input_tokens: INPUT_TOKENS, output_tokens: OUTPUT_TOKENS },
  tokens: { input_tokens: INPUT_TOKENS, output_tokens: OUTPUT_TOKENS },
};

export const v2ChatAnswer = jsonAnswer({
  id: 'c-1',
  message: { role: 'assistant', content: [{ type: 'text', text: TEXT }] },
  finish_reason: 'COMPLETE',
  usage: COHERE_USAGE,
});

export function v2ChatStream(): HeldStream {
  const named = (type: string, rest: object): string => event({ type, ...rest }, type);
  const content = (value: object): object => ({ index: 0, delta: { message: { content: value } } });
  const events = [
    named('message-start', { id: 'c-1', delta: { message: { role: 'assistant', content: [] } } }),
    named('content-start', content({ type: 'text', text: '' })),
    ...PIECES.map(text => named('content-delta', content({ text }))),
    named('content-end', { index: 0 }),
    named('message-end', { delta: { finish_reason: 'COMPLETE', usage: COHERE_USAGE } }),
    'data: [DONE]\n\n',
  ];
  return heldStream(SSE, events, 3);
}

const OLLAMA = { model: CHAT.model, created_at: '2026-01-01T00:00:00Z' };
const OLLAMA_END = {
  done: true,
  done_reason: 'stop',
  total_duration: 3000,
  load_duration: 1000,
  prompt_eval_count: INPUT_TOKENS,
  prompt_eval_duration: 1000,
  eval_count: OUTPUT_TOKENS,
  eval_duration: 1000,
};

export const nativeChatAnswer = jsonAnswer({
  ...OLLAMA,
  message: { role: 'assistant', content: TEXT },
  ...OLLAMA_END,
});

export function nativeChatStream(): HeldStream {
  const line = (value: object): string => `${JSON.stringify({ ...OLLAMA, ...value })}\n`;
  const lines = PIECES.map(content => line({ message: { role: 'assistant', content }, done: false }));
  lines.push(line({ message: { role: 'assistant', content: '' }, ...OLLAMA_END }));
  return heldStream('application/x-ndjson', lines, 1);
}
