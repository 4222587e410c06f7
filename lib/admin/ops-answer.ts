import type { IncomingMessage, ServerResponse } from 'node:http';

/** An answer of the ops listener, before it is written. */
export interface OpsAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  /** Further fields: flat name, value pairs. */
  readonly fields: readonly string[];
}

const JSON_TYPE = 'application/json';
const NO_FIELDS: readonly string[] = Object.freeze([]);

/** @param body any JSON value; undefined is an answer without a body. */
export function jsonAnswer(status: number, body: unknown, fields: readonly string[] = NO_FIELDS): OpsAnswer {
  const text = body === undefined ? '' : `${JSON.stringify(body)}\n`;
  return { status, contentType: JSON_TYPE, body: text, fields };
}

/** `code` is for programs, `message` tells a person what to do. */
export function errorAnswer(
  status: number,
  code: string,
  message: string,
  fields: readonly string[] = NO_FIELDS,
): OpsAnswer {
  return jsonAnswer(status, { error: { code, message } }, fields);
}

export function textAnswer(body: string, contentType = 'text/plain; charset=utf-8'): OpsAnswer {
  return { status: 200, contentType, body, fields: NO_FIELDS };
}

/** Fields of every answer: nothing here is for caches, and nothing is what it does not say it is. */
const FIXED_FIELDS: readonly string[] = ['cache-control', 'no-store', 'x-content-type-options', 'nosniff'];

/** Writes an answer. `close` ends the connection after it, as every error does. */
export function sendAnswer(
  res: ServerResponse<IncomingMessage>,
  { status, contentType, body, fields }: OpsAnswer,
  requestId: string,
  close: boolean,
): void {
  const head = [
    'content-type',
    contentType,
    'content-length',
    String(Buffer.byteLength(body)),
    ...FIXED_FIELDS,
    'x-weir-request-id',
    requestId,
    ...fields,
  ];
  if (close || status >= 400) head.push('connection', 'close');
  res.writeHead(status, head);
  res.end(body);
}
