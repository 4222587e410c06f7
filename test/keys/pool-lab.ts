import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../../lib/errors/index.ts';
import { Pool } from '../../lib/keys/pool.ts';
import { Exchange, type Principal, type Provider, type Warning } from '../../lib/pipeline/index.ts';
import { parseTarget } from '../../lib/wire/index.ts';
import { HeldClock } from '../base/held-clock.ts';
import { provider, secret } from '../providers/compiled.ts';

const MANAGED: Principal = {
  auth: 'static',
  subject: 's',
  keyId: 'k',
  tags: {},
  managed: true,
  grant: null,
  issuer: null,
  issuedMs: null,
};

/** A key of the pool: its id, or that with a weight, or with another secret than its id. */
export type Key = string | { readonly id: string; readonly weight?: number; readonly secret?: string };

export interface PoolLabOptions {
  readonly clock?: HeldClock;
  readonly before?: Pool;
  readonly boundKey?: (exchange: Exchange) => string | null;
  /** The provider's name. Default `openai`. */
  readonly of?: string;
}

/** A pool under a clock that is held, and what a proxy does with it. */
export class PoolLab {
  readonly clock: HeldClock;
  readonly provider: Provider;
  readonly pool: Pool;
  readonly warnings: Warning[] = [];

  constructor(keys: readonly Key[], options: PoolLabOptions = {}) {
    const { clock = new HeldClock(), before = null, boundKey = null, of = 'openai' } = options;
    this.clock = clock;
    this.provider = provider(of, {
      [of]: {
        keys: keys.map(key => {
          const {
            id,
            weight = 1,
            secret: value = `sk-of-${id}`,
          } = typeof key === 'string' ? { id: key } : key;
          return { id, weight, key: secret(value) };
        }),
      },
    });
    const warn = (warning: Warning) => this.warnings.push(warning);
    this.pool = new Pool({ clock, providers: [this.provider], boundKey, warn }, before);
  }

  exchange({ path = '/v1/chat/completions', isRepeatable = true } = {}): Exchange {
    const target = parseTarget(`/${this.provider.name}${path}`);
    if (target instanceof Refusal) throw new Error(`bad target ${path}`);
    const req = { method: 'POST', headers: {} } as Partial<IncomingMessage> as IncomingMessage;
    const exchange = new Exchange(req, {} as ServerResponse, 'i:b:1', 'r', 0, 0);
    exchange.target = target;
    exchange.provider = this.provider;
    exchange.endpoint = this.provider.endpoint('POST', target.segments);
    exchange.principal = MANAGED;
    exchange.isRepeatable = isRepeatable;
    return exchange;
  }

  /** Gives an exchange its (next) key. The key's id, or the code of the refusal. */
  next(exchange: Exchange): string {
    const refusal = this.pool.next(exchange);
    return refusal === undefined ? exchange.poolKey!.id : refusal.code;
  }

  /** An exchange of which nothing is said any more: its key's id, or the code of the refusal. */
  ask(asked: Parameters<PoolLab['exchange']>[0] = {}): string {
    const exchange = this.exchange(asked);
    const id = this.next(exchange);
    end(exchange);
    return id;
  }

  /** An exchange that the provider answers at once. What it says of the key. */
  answered(status: number, { retryAfter = null as string | null, error = null as object | null } = {}) {
    const exchange = this.exchange();
    const id = this.next(exchange);
    if (exchange.poolKey === null) throw new Error(`no key: ${id}`);
    const verdict = this.judge(exchange, status, { retryAfter, error });
    end(exchange);
    return { id, verdict };
  }

  judge(
    exchange: Exchange,
    status: number,
    { retryAfter = null as string | null, error = null as object | null } = {},
  ) {
    const text = error === null ? null : Buffer.from(JSON.stringify(error));
    return this.pool.judge(exchange, status, retryAfter, text);
  }

  condition(id: string): string {
    return this.health(id).condition(this.clock.monotonicMs());
  }

  health(id: string) {
    return this.pool.keysOf(this.provider.name).find(({ key }) => key.id === id)!.health;
  }
}

/** Settles an exchange as the proxy does. */
export function end(exchange: Exchange): void {
  exchange.settled = true;
  for (const lease of exchange.leases ?? []) lease.end(exchange);
  exchange.leases = null;
}
