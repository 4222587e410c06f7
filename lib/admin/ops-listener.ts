import { randomUUID } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorAnswer, type OpsAnswer, sendAnswer } from './ops-answer.ts';
import { OpsHandler } from './ops-handler.ts';
import type { BadCredentials, OpsHouse } from './ops-house.ts';
import { hasBody, readBody } from './read-body.ts';
import type { OpsSettings } from './settings.ts';

const HEADER_BYTES_MAX = 16 * 1024;
const HEADER_FIELDS_MAX = 100;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 5000;
/** How often the two timeouts are looked at. */
const CHECK_MS = 2000;
/** Probes, scrapers and people; more would be something else. */
const CONNECTIONS_MAX = 128;
/** What calls under way are given when the listener closes. */
const CLOSE_MS = 1000;

const REQUEST_ID = /^[\x21-\x7e]{1,128}$/;

export interface OpsListenerOptions {
  readonly settings: OpsSettings;
  readonly house: OpsHouse;
  readonly badCredentials: BadCredentials;
}

/**
 * The ops port: probes, metrics and admin calls, never on the data port. Its
 * limits are its own, so that neither port can starve the other.
 */
export class OpsListener {
  readonly #server: Server;
  readonly #handler: OpsHandler;
  readonly #house: OpsHouse;
  readonly #settings: OpsSettings;
  /** The answer under way on each connection. */
  readonly #answering = new WeakMap<Duplex, ServerResponse>();
  /** Connections on which nothing more can be read. */
  readonly #ending = new WeakSet<Duplex>();

  constructor({ settings, house, badCredentials }: OpsListenerOptions) {
    this.#settings = settings;
    this.#house = house;
    this.#handler = new OpsHandler(settings, house, badCredentials);
    this.#server = createServer({
      maxHeaderSize: HEADER_BYTES_MAX,
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: CHECK_MS,
      insecureHTTPParser: false,
      shouldUpgradeCallback: () => false,
    });
    this.#server.maxHeadersCount = HEADER_FIELDS_MAX;
    this.#server.maxConnections = CONNECTIONS_MAX;
    // A client that does not read its answer is gone.
    this.#server.timeout = REQUEST_TIMEOUT_MS;
    this.#server.on('request', (req: IncomingMessage, res: ServerResponse) => void this.#serve(req, res));
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) =>
      this.#onClientError(error, socket),
    );
  }

  /** Resolves with the URL; rejects with the system's error, such as EADDRINUSE. */
  async open(): Promise<string> {
    const { host, port } = this.#settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
    const { address, family, port: bound } = this.#server.address() as AddressInfo;
    return `http://${family === 'IPv6' ? `[${address}]` : address}:${bound}`;
  }

  /** Serves by the keys, host names and metrics setting of a reloaded config; its address is not looked at. */
  update(settings: OpsSettings): void {
    this.#handler.update(settings);
  }

  /** Calls under way have a second to end. */
  async close(): Promise<void> {
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const cut = setTimeout(() => this.#server.closeAllConnections(), CLOSE_MS);
    await closed;
    clearTimeout(cut);
  }

  async #serve(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const { socket } = req;
    this.#answering.set(socket, res);
    res.once('close', () => {
      if (this.#answering.get(socket) === res) this.#answering.delete(socket);
    });
    const given = req.headers['x-request-id'];
    const requestId = typeof given === 'string' && REQUEST_ID.test(given) ? given : `ops-${randomUUID()}`;
    const isGet = req.method === 'GET' || req.method === 'HEAD';
    const leavesBody = isGet && hasBody(req);
    const answer = await this.#answer(req, isGet, requestId);
    if (answer === null || res.destroyed) return;
    sendAnswer(res, answer, requestId, leavesBody || this.#ending.has(socket));
  }

  /** Null where nobody is left to be answered. */
  async #answer(req: IncomingMessage, isGet: boolean, requestId: string): Promise<OpsAnswer | null> {
    try {
      const body = isGet || !hasBody(req) ? Buffer.alloc(0) : await readBody(req);
      if (body === null) return null;
      if (body === 'tooLarge') return errorAnswer(413, 'body_too_large', 'A body may have 64 KiB.');
      return await this.#handler.answer(req, body, requestId);
    } catch (error) {
      this.#house.reportBug(error, requestId);
      return errorAnswer(500, 'internal', `The gateway failed: its log has more under ${requestId}.`);
    }
  }

  /** What node's parser refuses. */
  #onClientError(error: NodeJS.ErrnoException, socket: Duplex): void {
    const res = this.#answering.get(socket);
    if (res?.req.complete) {
      // It came behind a whole request, whose answer is the last one here.
      this.#ending.add(socket);
      return;
    }
    if (!socket.writable || res?.headersSent || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const { status, body } = parserFault(error.code);
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      'content-type: application/json',
      `content-length: ${Buffer.byteLength(body)}`,
      'cache-control: no-store',
      'connection: close',
    ];
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`, () => socket.destroy());
  }
}

function parserFault(code: string | undefined): OpsAnswer {
  if (code === 'HPE_HEADER_OVERFLOW')
    return errorAnswer(431, 'headers_too_large', 'The request headers are too large.');
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT')
    return errorAnswer(408, 'request_timeout', 'The request did not arrive in time.');
  return errorAnswer(400, 'bad_request', 'The HTTP framing of this request is not acceptable.');
}
