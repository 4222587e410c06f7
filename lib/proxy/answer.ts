import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorRow, type Refusal } from '../errors/index.ts';
import type { Dialect, Exchange } from '../pipeline/index.ts';

/** How much of a refused upload is still read, and for how long, so that the client gets to see the answer. */
const LINGER_BYTES = 1024 * 1024;
const LINGER_MS = 500;

/**
 * Answers a refusal in the client's dialect. `close` ends the connection after
 * it: a refused upload is not read, and nothing pipelined behind it runs.
 */
export function answerRefusal(
  exchange: Exchange,
  dialect: Dialect,
  refusal: Refusal,
  close: boolean,
  extra: readonly string[],
): void {
  const row = errorRow(refusal.code);
  const { message } = refusal;
  const shape = dialect.error(message === null ? row : { ...row, message }, exchange.requestId);
  const headers = [
    ...shape.headers,
    ...extra,
    ...refusal.fields,
    'content-length',
    String(Buffer.byteLength(shape.body)),
    'x-weir-error',
    row.code,
    'x-request-id',
    exchange.requestId,
    'x-weir-request-id',
    exchange.requestId,
    'x-should-retry',
    String(row.clientRetry),
  ];
  if (refusal.retryAfterSeconds > 0) headers.push('retry-after', String(refusal.retryAfterSeconds));
  if (row.code === 'method_not_allowed')
    headers.push('allow', 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS');
  if (row.code === 'upgrade_required') headers.push('upgrade', 'HTTP/1.1');
  if (close) headers.push('connection', 'close');
  writeWhole(exchange.res, row.status, headers, shape.body);
  exchange.status = row.status;
  if (exchange.req.method !== 'HEAD') exchange.responseBytes = Buffer.byteLength(shape.body);
  if (close && exchange.req.socket !== null) lingerBeforeClose(exchange.req);
}

/** Sends a small answer of our own in one write. */
export function writeWhole(
  res: ServerResponse,
  status: number,
  headers: readonly string[],
  body: string,
): void {
  res.writeHead(status, headers as string[]);
  res.end(body);
}

/**
 * Replaces the abrupt close that node does after a last response. Closing with
 * unread bytes in the receive queue makes the kernel send a reset, which can
 * destroy our answer before the client has read it (RFC 9112 §9.6).
 */
export function lingerBeforeClose(req: IncomingMessage): void {
  const { socket } = req;
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > LINGER_BYTES) req.pause();
  });
  req.resume();
  let isEnding = false;
  socket.destroySoon = () => {
    if (isEnding) return;
    isEnding = true;
    socket.end();
    if (req.complete) {
      socket.once('finish', () => socket.destroy());
      return;
    }
    const timer = setTimeout(() => socket.destroy(), LINGER_MS);
    socket.once('close', () => clearTimeout(timer));
  };
}
