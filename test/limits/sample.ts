import type { IncomingMessage, ServerResponse } from 'node:http';
import { Refusal } from '../../lib/errors/index.ts';
import { type LimitSettings, type Limits, type LimitsHouse, openLimits } from '../../lib/limits/index.ts';
import {
  DEFAULT_OPERATIONS,
  type Endpoint,
  Exchange,
  type Grant,
  type Operation,
  type Outcome,
  type Principal,
  Usage,
  type Warning,
} from '../../lib/pipeline/index.ts';
import { HeldClock } from '../base/held-clock.ts';

export const DEFAULTS: LimitSettings = { headers: false, sketch: { width: 4096, depth: 4 } };

export interface Lab {
  readonly clock: HeldClock;
  readonly warnings: Warning[];
  readonly house: LimitsHouse;
  open(settings: Partial<LimitSettings>, before?: Limits | null): Promise<Limits>;
}

export function lab(house: Partial<LimitsHouse> = {}, clock = new HeldClock()): Lab {
  const warnings: Warning[] = [];
  const limitsHouse: LimitsHouse = {
    house: { clock, instance: 'lab', boot: '0123456789abcdef', warn: warning => warnings.push(warning) },
    grantsMayLimit: false,
    ...house,
  };
  return {
    clock,
    warnings,
    house: limitsHouse,
    open: (settings, before = null) => openLimits({ ...DEFAULTS, ...settings }, limitsHouse, before),
  };
}

const FREE: Grant = {
  providers: null,
  operations: DEFAULT_OPERATIONS,
  models: null,
  addresses: null,
  rpm: null,
  tpm: null,
  concurrency: null,
  bodyBytes: null,
  budget: null,
};

/** A key of ours. */
export function keyOf(
  keyId: string,
  grant: Partial<Grant> = {},
  subject: string | null = `of ${keyId}`,
): Principal {
  return {
    auth: 'static',
    subject,
    keyId,
    tags: {},
    managed: true,
    grant: { ...FREE, ...grant },
    issuer: null,
    issuedMs: null,
  };
}

/** A key of the client's own: a new object for every request. */
export function byoKey(keyId: string): Principal {
  return { ...keyOf(keyId), auth: 'byo', subject: null, managed: false, grant: null };
}

export interface Asked {
  readonly principal?: Principal;
  readonly address?: string;
  readonly socket?: object;
  readonly method?: string;
  readonly operation?: Operation;
  readonly bodyBytes?: number;
  readonly contentLength?: string;
  readonly maxOutputTokens?: number | null;
}

export function exchangeOf(asked: Asked): Exchange {
  const { method = 'POST', operation = 'chat', contentLength } = asked;
  const headers = contentLength === undefined ? {} : { 'content-length': contentLength };
  const req = { socket: asked.socket ?? {}, headers, method };
  const exchange = new Exchange(req as IncomingMessage, {} as ServerResponse, 'id', 'request', 0, 0);
  exchange.principal = asked.principal ?? null;
  exchange.address = asked.address ?? '';
  exchange.endpoint = { operation } as Endpoint;
  exchange.requestBytes = asked.bodyBytes ?? 0;
  exchange.maxOutputTokens = asked.maxOutputTokens ?? null;
  return exchange;
}

/** Runs an exchange through the stages in the proxy's order. Undefined is admitted. */
export function admit(limits: Limits, exchange: Exchange): Refusal | undefined {
  const stages = [
    ...limits.admitStages,
    ...limits.stages.filter(({ phase }) => phase === 'limit'),
    ...limits.stages.filter(({ phase }) => phase === 'inspect'),
  ];
  for (const stage of stages) {
    if (stage.phase !== 'admit' && exchange.principal === null) continue;
    const result = stage.run(exchange);
    if (result instanceof Promise) throw new Error('limits do not wait');
    if (result instanceof Refusal) {
      end(exchange, 'refused');
      return result;
    }
  }
  return undefined;
}

/** Settles an exchange as the proxy does. */
export function end(
  exchange: Exchange,
  outcome: Outcome,
  known: {
    readonly input?: number;
    readonly output?: number;
    readonly status?: number;
    readonly sent?: boolean;
    readonly delivered?: number;
    readonly answerEnded?: boolean;
  } = {},
): void {
  exchange.outcome = outcome;
  exchange.status = known.status ?? 200;
  exchange.responseBytes = known.delivered ?? 0;
  exchange.answerEnded = known.answerEnded ?? false;
  exchange.dispatchedMs = (known.sent ?? outcome !== 'refused') ? 1 : null;
  if (known.input !== undefined || known.output !== undefined) {
    exchange.usage = new Usage();
    exchange.usage.inputTokens = known.input ?? null;
    exchange.usage.outputTokens = known.output ?? null;
  }
  for (const lease of exchange.leases ?? []) lease.end(exchange);
}

/** How many of so many requests, one after the other, are admitted; each is over at once. */
export function admitted(limits: Limits, asked: () => Asked, times: number): number {
  let count = 0;
  for (let i = 0; i < times; i++) {
    const exchange = exchangeOf(asked());
    if (admit(limits, exchange) !== undefined) continue;
    count++;
    end(exchange, 'complete');
  }
  return count;
}

/** The value of a metric, by its labels' values joined. */
export function metric(limits: Limits, name: string): Record<string, number> {
  const found = limits.metrics.find(each => each.name === name);
  if (found === undefined) throw new Error(`no metric ${name}`);
  return Object.fromEntries(found.read().map(({ labels, value }) => [Object.values(labels).join(), value]));
}
