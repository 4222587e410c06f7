import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { sendPaced } from './pace.ts';
import { findRoute, wireOfPath } from './routes.ts';
import { type Call, json, type Reply } from './wire.ts';

/** A running demo origin. */
export interface DemoOrigin {
  /** `http://127.0.0.1:<port>`. */
  readonly origin: string;
  /** Ends the server and every exchange on it. */
  close(): Promise<void>;
}

export interface DemoOptions {
  /** Milliseconds between two events of a stream, so that a person sees it stream. Default 20. */
  readonly eventDelayMs?: number;
}

const EVENT_DELAY_MS = 20;
const BODY_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Starts the scripted provider on an ephemeral loopback port. It speaks each
 * client dialect offline, needs no key and answers the same bytes to the same
 * requests in the same order.
 *
 * @throws the listen error of node:net, where loopback cannot be bound.
 */
export async function startDemoOrigin(options: DemoOptions = {}): Promise<DemoOrigin> {
  const eventDelayMs = options.eventDelayMs ?? EVENT_DELAY_MS;
  let answered = 0;
  const server = createServer((req, res) => {
    const serial = String(++answered).padStart(6, '0');
    readBody(req, body => send(req, res, answer(req, body, serial), serial, eventDelayMs));
  });
  await listen(server);
  const { port } = server.address() as AddressInfo;
  return { origin: `http://127.0.0.1:${port}`, close: () => close(server) };
}

/** Collects the body; null where it is over the cap (the rest is read and dropped, so that the answer arrives). */
function readBody(req: IncomingMessage, done: (body: Buffer | null) => void): void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  req.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) chunks = [];
    else chunks.push(chunk);
  });
  req.on('end', () => done(bytes > BODY_BYTES_MAX ? null : Buffer.concat(chunks)));
  // A client that breaks off its upload gets no answer; node has destroyed the socket.
  req.on('error', () => {});
}

function answer(req: IncomingMessage, body: Buffer | null, serial: string): Reply {
  const target = req.url!;
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const wire = wireOfPath(path);
  if (body === null) return json(wire.error(413, 'The request body is too large for the demo.'), 413);
  const found = findRoute(req.method!, path);
  if (found === null) return json(wire.error(404, `The demo has no ${req.method} ${path}.`), 404);
  const parsed = parseObject(body);
  if (parsed === null) return json(wire.error(400, 'The request body is not a JSON object.'), 400);
  const call: Call = {
    body: parsed,
    bodyBytes: body.length,
    query: new URLSearchParams(mark === -1 ? '' : target.slice(mark)),
    captured: found.captured,
    serial,
  };
  return found.route.reply(call);
}

function parseObject(body: Buffer): Record<string, unknown> | null {
  if (body.length === 0) return {};
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function send(
  req: IncomingMessage,
  res: ServerResponse,
  reply: Reply,
  serial: string,
  eventDelayMs: number,
): void {
  res.setHeader('content-type', reply.contentType);
  res.setHeader('x-request-id', `req_demo${serial}`);
  if (reply.kind === 'whole') {
    res.writeHead(reply.status, { 'content-length': Buffer.byteLength(reply.body) });
    res.end(req.method === 'HEAD' ? undefined : reply.body);
    return;
  }
  res.writeHead(200, { 'cache-control': 'no-cache' });
  sendPaced(res, reply.events, eventDelayMs);
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
