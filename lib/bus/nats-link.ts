import { isIP } from 'node:net';
import {
  connect,
  credsAuthenticator,
  errors,
  type NatsConnection,
  type NodeConnectionOptions,
  nkeyAuthenticator,
} from '@nats-io/transport-node';
import type { NatsAccess } from './nats-settings.ts';
import type { BusOptions } from './open-bus.ts';
import { probeServer } from './probe-server.ts';
import { pause, unlessStopped, withTimeLimit } from './wait.ts';

/** How long one server may take to answer, and again to let us in. */
const ATTEMPT_MS = 3000;
/** A connection that misses two of these is given up. */
const PING_MS = 5000;
/** The first new attempt comes within this time, at random: a fleet does not come back as one. */
const FIRST_RETRY_MS = 250;
const MAX_RETRY_MS = 2000;
const CLOSE_MS = 700;
const DEFAULT_PORT = 4222;

interface Address {
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

/**
 * Keeps a connection to NATS, for ever. The library's own reconnecting is not
 * used: it cannot be stopped while it dials, leaves sockets behind then, and
 * sends later what it was given while disconnected, which may be a write that
 * was reported as failed.
 */
export class NatsLink {
  readonly #settings: NatsAccess;
  readonly #options: BusOptions;
  readonly #addresses: readonly Address[];
  readonly #onConnected: (connection: NatsConnection) => void;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #connection: NatsConnection | null = null;
  #next = Promise.withResolvers<NatsConnection | null>();
  #reason = 'not connected yet';
  readonly #lostCallbacks = new Set<() => void>();
  readonly #told = new Set<string>();
  readonly #forbidden = new Set<string>();

  /** @param onConnected called for every new connection, before anybody else gets it. */
  constructor(settings: NatsAccess, options: BusOptions, onConnected: (connection: NatsConnection) => void) {
    this.#settings = settings;
    this.#options = options;
    this.#onConnected = onConnected;
    this.#addresses = settings.servers.map(addressOf);
    this.#running = this.#run();
  }

  /** The connection of this moment, or null. */
  get connection(): NatsConnection | null {
    return this.#connection?.isClosed() === false ? this.#connection : null;
  }

  /** Why there is none, for operators. */
  get reason(): string {
    return this.#reason;
  }

  /** The connection of this moment or the next one; null once closed. */
  async connected(): Promise<NatsConnection | null> {
    for (;;) {
      const connection = await this.#next.promise;
      if (connection?.isClosed() !== true) return connection;
      await connection.closed();
    }
  }

  /** Calls back when the connection of this moment is lost. Returns what undoes it. */
  whenLost(callback: () => void): () => void {
    this.#lostCallbacks.add(callback);
    return () => this.#lostCallbacks.delete(callback);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const connection = this.connection;
    if (connection !== null) {
      await withTimeLimit(
        connection.flush().catch(() => {}),
        CLOSE_MS / 2,
        () => {},
      );
      await connection.close();
    }
    await withTimeLimit(this.#running, CLOSE_MS / 2, () => {});
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    let failures = 0;
    while (!signal.aborted) {
      const connection = await this.#attempt();
      if (connection === null) {
        const waitMs = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** failures++);
        await pause(waitMs * (0.5 + Math.random() / 2), signal);
        continue;
      }
      failures = 0;
      if (signal.aborted) {
        await connection.close();
        break;
      }
      this.#begin(connection);
      const error = await connection.closed();
      this.#end(error?.message ?? 'the connection was lost');
      await pause(Math.random() * FIRST_RETRY_MS, signal);
    }
    this.#next.resolve(null);
  }

  #begin(connection: NatsConnection): void {
    this.#connection = connection;
    void this.#watch(connection);
    if (this.#told.size > 0) {
      this.#told.clear();
      this.#options.warn({
        code: 'bus_recovered',
        message: `NATS is connected again (${connection.getServer()}).`,
      });
    }
    this.#onConnected(connection);
    this.#next.resolve(connection);
  }

  #end(reason: string): void {
    this.#connection = null;
    this.#next = Promise.withResolvers();
    this.#reason = reason;
    const callbacks = [...this.#lostCallbacks];
    this.#lostCallbacks.clear();
    for (const callback of callbacks) callback();
    this.#tell('bus_unreachable');
  }

  /** Tries every server once. Null where none took us. */
  async #attempt(): Promise<NatsConnection | null> {
    const { signal } = this.#stop;
    const first = Math.floor(Math.random() * this.#addresses.length);
    for (let i = 0; i < this.#addresses.length; i++) {
      const address = this.#addresses[(first + i) % this.#addresses.length]!;
      try {
        await probeServer(address.host, address.port, ATTEMPT_MS, signal);
        const connecting = connect(connectOptions(address, this.#settings, this.#options.name));
        void connecting.then(late => (signal.aborted ? late.close() : undefined)).catch(() => {});
        return await unlessStopped(connecting, signal);
      } catch (error) {
        if (signal.aborted) return null;
        this.#reason = `${address.url}: ${(error as Error).message}`;
        this.#tell(error instanceof errors.AuthorizationError ? 'bus_refused' : 'bus_unreachable');
      }
    }
    return null;
  }

  #tell(code: 'bus_unreachable' | 'bus_refused'): void {
    if (this.#told.has(code) || this.#stop.signal.aborted) return;
    this.#told.add(code);
    const what = code === 'bus_refused' ? 'NATS does not let us in' : 'NATS cannot be reached';
    this.#options.warn({
      code,
      message: `${what} (${this.#reason}). Trying on; the last known state stays.`,
    });
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const status of connection.status()) {
      // By itself the library waits for the dead peer to take what was written.
      if (status.type === 'staleConnection') void connection.close();
      else if (status.type === 'error') this.#forbid(status.error);
    }
  }

  /** Requests are answered by their own error; this tells of subjects that fail without a word. */
  #forbid(error: Error): void {
    if (!(error instanceof errors.PermissionViolationError)) return;
    const { operation, subject } = error;
    const told = `${operation} ${subject}`;
    if (/^\$(?:KV|JS\.API)\./.test(subject) || this.#forbidden.has(told) || this.#forbidden.size >= 100)
      return;
    this.#forbidden.add(told);
    this.#options.warn({ code: 'bus_forbidden', message: `The NATS server forbids: ${told}.` });
  }
}

function addressOf(url: string): Address {
  const match = /^(?:nats|tls):\/\/(?:\[([^\]]+)\]|([^:/@]+))(?::(\d+))?\/?$/.exec(url);
  if (match === null) throw new TypeError('a NATS server is nats://HOST:PORT or tls://HOST:PORT');
  return { url, host: (match[1] ?? match[2])!, port: Number(match[3] ?? DEFAULT_PORT) };
}

function connectOptions(address: Address, settings: NatsAccess, name: string): NodeConnectionOptions {
  const encoder = new TextEncoder();
  const { credentials, nkey } = settings;
  return {
    servers: [`${isIP(address.host) === 6 ? `[${address.host}]` : address.host}:${address.port}`],
    name,
    reconnect: false,
    ignoreClusterUpdates: true,
    noEcho: true,
    noAsyncTraces: true,
    timeout: ATTEMPT_MS,
    pingInterval: PING_MS,
    ...(settings.user !== undefined && { user: settings.user, pass: settings.password?.reveal() ?? '' }),
    ...(settings.token !== undefined && { token: settings.token.reveal() }),
    ...(credentials !== undefined && {
      authenticator: credsAuthenticator(encoder.encode(credentials.reveal())),
    }),
    ...(nkey !== undefined && { authenticator: nkeyAuthenticator(encoder.encode(nkey.reveal().trim())) }),
    ...tlsOptions(address, settings),
  };
}

function tlsOptions(address: Address, { servers, tls }: NatsAccess): Pick<NodeConnectionOptions, 'tls'> {
  if (tls === undefined && !servers.some(server => server.startsWith('tls:'))) return {};
  const options = {
    ...(tls?.ca !== undefined && { ca: tls.ca }),
    ...(tls?.cert !== undefined && { cert: tls.cert, key: tls.key?.reveal() ?? '' }),
    // Without it node compares the certificate of a server named by address with "localhost".
    host: address.host,
  };
  return { tls: options };
}
