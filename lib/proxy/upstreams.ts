import { type Dispatcher, Pool } from 'undici';
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
    const dns = this.#dns;
    return new Pool(origin, {
      connections: this.#connections,
      pipelining: 1,
      allowH2: false,
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MAX_MS,
      maxRequestsPerClient: REQUESTS_PER_CONNECTION,
      connect: {
        timeout: this.#connectMs,
        keepAliveInitialDelay: KEEP_ALIVE_MAX_MS,
        lookup: (hostname, options, callback) => dns.lookup(hostname, options, callback),
      },
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
