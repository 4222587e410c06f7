import { buildConnector, type Dispatcher, Pool } from 'undici';
import type { DnsCache } from './dns-cache.ts';

/** Idle upstream connections are let go early: a short reuse window is the cheapest guard against stale sockets. */
const KEEP_ALIVE_MS = 15_000;
const KEEP_ALIVE_MAX_MS = 60_000;
/** Bounds how long one TCP connection, and the DNS answer behind it, is used. */
const REQUESTS_PER_CONNECTION = 1000;

/**
 * One undici Pool per origin, made on first use and kept over reloads. No
 * retry, cache, redirect or decompress interceptor: they rewrite or repeat.
 */
export class Upstreams {
  readonly #pools = new Map<string, Pool>();
  readonly #connections: number;
  readonly #connectMs: number;
  readonly #dns: DnsCache;
  /**
   * The error an upstream socket is reporting right now, null at any other
   * time. undici takes a reset of a body delimited by close for its end
   * (client-h1.js, onHttpSocketError) and says so from within the same event;
   * the relay asks here which of the two it was.
   */
  failure: Error | null = null;

  /** `connections` is per origin; `connectMs` covers TCP and TLS. */
  constructor(connections: number, connectMs: number, dns: DnsCache) {
    this.#connections = connections;
    this.#connectMs = connectMs;
    this.#dns = dns;
  }

  /** The dispatcher of an origin (scheme and authority). */
  of(origin: string): Dispatcher {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      pool = this.#open(origin);
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  #open(origin: string): Pool {
    return new Pool(origin, {
      connections: this.#connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      maxRequestsPerClient: REQUESTS_PER_CONNECTION,
      connect: this.#connector(),
    });
  }

  #connector(): buildConnector.connector {
    const dns = this.#dns;
    const connect = buildConnector({
      timeout: this.#connectMs,
      allowH2: false,
      keepAliveInitialDelay: KEEP_ALIVE_MAX_MS,
      lookup: (hostname, options, callback) => dns.lookup(hostname, options, callback),
    });
    return (options, callback) => {
      connect(options, (...result) => {
        // First in line, so that it has spoken before undici's own listener ends the response.
        result[1]?.on('error', error => this.#onSocketError(error));
        callback(...result);
      });
    };
  }

  #onSocketError(error: Error): void {
    this.failure = error;
    queueMicrotask(() => {
      this.failure = null;
    });
  }

  /** Ends every connection once the exchanges on it are over. */
  async close(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map(pool => pool.close()));
  }

  /** Ends every connection now: running exchanges fail. */
  async destroy(): Promise<void> {
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map(pool => pool.destroy()));
  }
}
