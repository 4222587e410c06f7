import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { fallbackDialect } from '../dialects/index.ts';
import { type ErrorCode, errorRow } from '../errors/index.ts';
import type { Arrival, RequestHandler } from './handler.ts';
import type { Timeouts } from './plan.ts';

/** A certificate (with its chain) and its private key, both PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

export interface ListenSettings {
  readonly host: string;
  readonly port: number;
  /** A unix socket instead of host and port. */
  readonly path: string | null;
  readonly tls: TlsPair | null;
  /** Open client connections; further ones are dropped at once. */
  readonly connections: number;
}

/** How often deadlines are looked at, and node's own header timeout (its default of 30 s would make 10 s mean 40 s). */
const CHECK_MS = 2000;
const HEADER_BYTES_MAX = 16 * 1024;
const HEADER_FIELDS_MAX = 100;
const KEEP_ALIVE_MS = 10_000;

function serverOptions(timeouts: Timeouts): ServerOptions {
  return {
    headersTimeout: timeouts.headersMs,
    requestTimeout: 0,
    connectionsCheckingInterval: CHECK_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
    insecureHTTPParser: false,
    // Checked by admission, which answers in the client's dialect and settles a fact.
    requireHostHeader: false,
    // Upgrades come as plain requests, so that they pass the same checks before their 426.
    shouldUpgradeCallback: () => false,
  };
}

/** What a certificate is offered with, at the start and when it is renewed. */
export function secureOptions({ cert, key }: TlsPair): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2' };
}

/** Why a pair cannot be offered, or null. */
export function tlsFault(pair: TlsPair): string | null {
  try {
    createSecureContext(secureOptions(pair));
    return null;
  } catch (error) {
    return (error as Error).message;
  }
}

/** Builds the data listener. Handler and drain state are the caller's. */
export function createDataServer(
  settings: ListenSettings,
  timeouts: Timeouts,
  handler: RequestHandler,
): Server {
  const options = serverOptions(timeouts);
  const server =
    settings.tls === null
      ? createServer(options)
      : createTlsServer({ ...options, ...secureOptions(settings.tls), ALPNProtocols: ['http/1.1'] });
  server.maxHeadersCount = HEADER_FIELDS_MAX;
  server.maxConnections = settings.connections;
  const on = (event: string, arrival: Arrival): void => {
    server.on(event, (req: IncomingMessage, res: ServerResponse) => handler.handle(req, res, arrival));
  };
  server.prependListener('connection', (socket: Socket) => {
    // Before node's parser sees it: one too many is not worth an answer.
    if (!handler.connections.take(socket, handler.plan)) socket.destroy();
  });
  server.on(settings.tls === null ? 'connection' : 'secureConnection', (socket: Duplex) =>
    socket.on('end', () => handler.onHalfClose(socket)),
  );
  on('request', 'plain');
  on('checkContinue', 'expectContinue');
  on('checkExpectation', 'badExpectation');
  server.on('connect', (_req: IncomingMessage, socket: Duplex) => answerRaw(socket, 'method_not_allowed'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
    onClientError(handler, error, socket),
  );
  return server;
}

const PARSE_ERRORS: ReadonlyMap<string, ErrorCode> = new Map([
  ['HPE_HEADER_OVERFLOW', 'headers_too_large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', 'request_timeout'],
  ['HPE_INVALID_VERSION', 'http_version'],
]);

/** The client broke off: nobody is there to be answered. */
const DEPARTURES: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE']);

/**
 * What node's parser refuses. Where the request had already reached the handler
 * (a bad chunk in its body), that exchange is refused; otherwise the answer is
 * written to the socket itself: closing without one reads as a crash to nginx.
 */
function onClientError(handler: RequestHandler, error: NodeJS.ErrnoException, socket: Duplex): void {
  if (DEPARTURES.has(error.code ?? '')) {
    // The run, if any, learns of it by the response's close.
    socket.destroy();
    return;
  }
  const code = PARSE_ERRORS.get(error.code ?? '') ?? 'bad_framing';
  if (handler.failOn(socket, code)) return;
  if (socket.writable) answerRaw(socket, code);
  else socket.destroy();
}

/** An answer without a request to answer: default dialect, then the connection ends. */
function answerRaw(socket: Duplex, code: ErrorCode): void {
  const row = errorRow(code);
  const { headers, body } = fallbackDialect(null).error(row, '');
  const lines = [
    `HTTP/1.1 ${row.status} ${STATUS_CODES[row.status]}`,
    'connection: close',
    `x-weir-error: ${code}`,
  ];
  for (let i = 0; i < headers.length; i += 2) lines.push(`${headers[i]}: ${headers[i + 1]}`);
  lines.push(`content-length: ${Buffer.byteLength(body)}`, '', body);
  socket.end(lines.join('\r\n'), () => socket.destroy());
}
