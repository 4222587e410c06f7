/** What the mock upstream answers and what the load client asks; both sides read it from here. */

export type AnswerKind = 'json' | 'burst' | 'slow';

export const EVENTS_PER_BURST = 50;
/** Decimal digits of the send time in a slow event: CLOCK_MONOTONIC microseconds. */
export const STAMP_DIGITS = 16;
/** Decimal digits of the sequence number in a slow event. */
export const SEQUENCE_DIGITS = 8;
/** What precedes the stamp in a slow event: `"t=<stamp> s=<sequence>"`. */
export const STAMP_MARK = '"t=';

const REQUEST_BYTES = 1024;
const ANSWER_BYTES = 1024;
const MODEL_PREFIX = 'bench-';
const USAGE = { prompt_tokens: 212, completion_tokens: 47, total_tokens: 259 };

/** The bytes before the model's kind in a request body; the mock finds the kind right behind them. */
export const MODEL_MARK = `"model":"${MODEL_PREFIX}`;

/** A chat completion request of 1 KiB. A stream asks for its usage itself, so no gateway has a reason to. */
export function requestBody(kind: AnswerKind): string {
  const streaming = kind === 'json' ? {} : { stream: true, stream_options: { include_usage: true } };
  const body = (content: string) =>
    JSON.stringify({ model: `${MODEL_PREFIX}${kind}`, ...streaming, messages: [{ role: 'user', content }] });
  return body(fill('Tell me how a river finds its way to the sea. ', REQUEST_BYTES - body('').length));
}

/** The JSON answer's body: 1 KiB with usage. */
export function jsonBody(): string {
  const body = (content: string) =>
    JSON.stringify({
      id: 'chatcmpl-bench',
      object: 'chat.completion',
      created: 1_750_000_000,
      model: `${MODEL_PREFIX}json`,
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
      usage: USAGE,
    });
  return body(fill('It follows the lowest ground. ', ANSWER_BYTES - body('').length));
}

/** The burst's events in order, each with its blank line. */
export function burstEvents(): string[] {
  const events: string[] = [];
  while (events.length < EVENTS_PER_BURST - 3) events.push(deltaEvent('burst', ` word${events.length}`));
  return [...events, ...endingEvents('burst')];
}

/** One slow event; its length is the same for every stamp and sequence number. */
export function slowEvent(sentMicros: number, sequence: number): string {
  const stamp = String(sentMicros).padStart(STAMP_DIGITS, '0');
  return deltaEvent('slow', `t=${stamp} s=${String(sequence).padStart(SEQUENCE_DIGITS, '0')}`);
}

/** What closes a stream: the finish reason, the usage, the end mark. */
export function endingEvents(kind: AnswerKind): string[] {
  return [
    chunkEvent(kind, { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage: null }),
    chunkEvent(kind, { choices: [], usage: USAGE }),
    'data: [DONE]\n\n',
  ];
}

const COMMON_HEAD =
  'HTTP/1.1 200 OK\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nx-request-id: req_0123456789abcdef\r\n' +
  'x-ratelimit-remaining-requests: 9999\r\nx-ratelimit-remaining-tokens: 1999788\r\n';

/** The JSON answer as it stands on the wire. */
export function jsonWire(): Buffer {
  const body = jsonBody();
  const framing = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;
  return Buffer.from(COMMON_HEAD + framing + body, 'latin1');
}

/** The head of a streamed answer. */
export const STREAM_HEAD = `${COMMON_HEAD}Content-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n`;

export const LAST_CHUNK = '0\r\n\r\n';

/** The burst as it stands on the wire: each event is its own HTTP chunk, all sent in one write. */
export function burstWire(): Buffer {
  return Buffer.from(STREAM_HEAD + burstEvents().map(httpChunk).join('') + LAST_CHUNK, 'latin1');
}

/** Frames ASCII text as one HTTP chunk. */
export function httpChunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

function deltaEvent(kind: AnswerKind, content: string): string {
  return chunkEvent(kind, { choices: [{ index: 0, delta: { content }, finish_reason: null }], usage: null });
}

function chunkEvent(kind: AnswerKind, rest: object): string {
  const head = { id: 'chatcmpl-bench', object: 'chat.completion.chunk', created: 1_750_000_000 };
  return `data: ${JSON.stringify({ ...head, model: `${MODEL_PREFIX}${kind}`, ...rest })}\n\n`;
}

function fill(sentence: string, length: number): string {
  return sentence.repeat(Math.ceil(length / sentence.length)).slice(0, length);
}
