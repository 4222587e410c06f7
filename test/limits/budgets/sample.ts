import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Refusal } from '../../../lib/errors/index.ts';
import {
  type BudgetSettings,
  type Budgets,
  DEFAULT_BUDGETS,
  openBudgets,
} from '../../../lib/limits/index.ts';
import {
  type Cost,
  type Endpoint,
  Exchange,
  type Fact,
  type Outcome,
  type Price,
  type Principal,
  type StageResult,
  Usage,
  type Warning,
} from '../../../lib/pipeline/index.ts';
import type { Spent, SpentQuery, StoreResult } from '../../../lib/store/index.ts';
import { HeldClock } from '../../base/held-clock.ts';
import { keyOf } from '../sample.ts';

/** What the store has of one exchange. */
export interface StoredCharge extends Spent {
  readonly id: string;
  readonly timeMs: number;
  readonly key: string | null;
  readonly subject: string | null;
  readonly provider: string;
  readonly tags: Fact['tags'];
}

/** A store in memory. Facts arrive only when `caughtUp` is asked for, or `ship` is called. */
export class SampleSource {
  readonly stored: StoredCharge[] = [];
  readonly waiting: StoredCharge[] = [];
  readonly queries: SpentQuery[] = [];
  isDown = false;
  /** Runs once, between the catching up and the question. */
  between: (() => void) | null = null;
  readonly ledger = { place: 'memory', spent: (query: SpentQuery) => this.#spent(query) };

  ship(): void {
    this.stored.push(...this.waiting.splice(0));
  }

  async caughtUp(): Promise<boolean> {
    if (this.isDown) return false;
    this.ship();
    const { between } = this;
    this.between = null;
    between?.();
    return true;
  }

  async #spent(query: SpentQuery): Promise<StoreResult<Spent>> {
    this.queries.push(query);
    if (this.isDown) return { ok: false, problem: 'down' };
    return { ok: true, value: this.sum(query) };
  }

  /** What it will say once all is there. */
  sum({ scope, sinceMs, untilMs, except }: SpentQuery): Spent {
    const own = this.stored.filter(
      charge =>
        charge.timeMs >= sinceMs &&
        (untilMs === null || charge.timeMs < untilMs) &&
        !except.includes(charge.id) &&
        (scope.of === 'all' ||
          (scope.of === 'tag' ? charge.tags[scope.tag] === scope.is : charge[scope.of] === scope.is)),
    );
    return {
      requests: own.reduce((sum, { requests }) => sum + requests, 0),
      tokens: own.reduce((sum, { tokens }) => sum + tokens, 0),
      costNanos: own.reduce((sum, { costNanos }) => sum + costNanos, 0n),
    };
  }
}

/** A million tokens cost 2 USD in and 8 out. */
export const PRICE: Price = {
  version: '1',
  maxOutputTokens: null,
  costNanos: ({ inputTokens, outputTokens }) =>
    inputTokens === null || outputTokens === null ? null : inputTokens * 2000 + outputTokens * 8000,
  boundNanos: ({ inputTokens, outputTokens }) => BigInt(inputTokens * 2000 + outputTokens * 8000),
};

const ENDPOINT = {
  operation: 'chat',
  outputLimits: ['/max_tokens'],
  answerCounts: ['/n'],
  answerLists: [],
  pathModel: null,
  state: null,
} as unknown as Endpoint;

export interface Ask {
  readonly principal?: Principal;
  readonly body?: object | string | null;
  readonly model?: string | null;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly operation?: Endpoint['operation'];
}

/** How an exchange went. */
export interface Ended {
  readonly outcome?: Outcome;
  readonly status?: number | null;
  readonly attempts?: number;
  readonly input?: number | null;
  readonly output?: number | null;
  readonly responseBytes?: number;
  readonly errorCode?: string;
  readonly costNanos?: number | null;
  /** What it states is final, however it ended for the client. */
  readonly answerEnded?: boolean;
  readonly tapGaveUp?: boolean;
}

/** Budgets over a store in memory, at a clock that is held. */
export class BudgetLab {
  readonly clock = new HeldClock();
  readonly source = new SampleSource();
  readonly warnings: Warning[] = [];
  budgets: Budgets;
  #seq = 0;

  constructor(settings: Partial<BudgetSettings>) {
    this.budgets = this.#open(settings, null);
  }

  #open(settings: Partial<BudgetSettings>, before: Budgets | null): Budgets {
    return openBudgets(
      // No timer has a part in these tests.
      { ...DEFAULT_BUDGETS, refreshMs: 600_000, ...settings },
      {
        house: { clock: this.clock, warn: warning => this.warnings.push(warning) },
        source: this.source,
        used: {
          costOf,
          usedTokens: ({ usage }) => (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0),
        },
        tagsOf: ({ principal }) => principal!.tags,
      },
      before,
    );
  }

  reload(settings: Partial<BudgetSettings>): void {
    const before = this.budgets;
    this.budgets = this.#open(settings, before);
    void before.close();
  }

  exchange(ask: Ask = {}): Exchange {
    const { principal = keyOf('k1'), model = 'priced', method = 'POST', headers = {}, body = {} } = ask;
    const req = { method, headers } as unknown as IncomingMessage;
    const exchange = new Exchange(req, {} as ServerResponse, `x:${++this.#seq}`, '', this.clock.wallMs(), 0);
    exchange.principal = principal;
    exchange.endpoint = { ...ENDPOINT, operation: ask.operation ?? 'chat' };
    exchange.provider = {
      name: 'lab',
      prices: { find: (name: string) => (name === 'priced' ? PRICE : null) },
    } as unknown as Exchange['provider'];
    exchange.modelRequested = model;
    if (body !== null) exchange.body = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
    return exchange;
  }

  async admit(exchange: Exchange): Promise<Refusal | undefined> {
    for (const stage of this.budgets.stages) {
      const refusal: StageResult = await stage.run(exchange);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  async ask(ask: Ask = {}): Promise<{ exchange: Exchange; refusal: Refusal | undefined }> {
    const exchange = this.exchange(ask);
    const refusal = await this.admit(exchange);
    if (refusal !== undefined) this.end(exchange, { outcome: 'refused', attempts: 0, status: 429 });
    return { exchange, refusal };
  }

  /** Ends it, and writes down what its fact will charge, as the store counts it. */
  end(exchange: Exchange, ended: Ended = {}): void {
    const { outcome = 'complete', status = 200, attempts = 1, input = null, output = null } = ended;
    exchange.outcome = outcome;
    exchange.status = status;
    exchange.attempts = attempts;
    exchange.errorCode = ended.errorCode ?? null;
    exchange.responseBytes = ended.responseBytes ?? 0;
    exchange.answerEnded = ended.answerEnded ?? false;
    exchange.tapGaveUp = ended.tapGaveUp ?? false;
    if (input !== null || output !== null) {
      exchange.usage = Object.assign(new Usage(), { inputTokens: input, outputTokens: output });
    }
    if (ended.costNanos !== undefined)
      exchange.cost = { costNanos: ended.costNanos, costSource: 'provider', priceVersion: null };
    exchange.settled = true;
    for (const lease of exchange.leases ?? []) lease.end(exchange);
    const { charge, principal, usage } = exchange;
    this.source.waiting.push({
      id: exchange.id,
      timeMs: exchange.startedWallMs,
      key: principal!.keyId,
      subject: principal!.subject,
      provider: 'lab',
      tags: principal!.tags,
      requests: attempts > 0 ? 1 : 0,
      tokens: charge?.chargedTokens ?? (usage?.inputTokens ?? 0) + (usage?.outputTokens ?? 0),
      costNanos: BigInt(charge?.chargedNanos ?? costOf(exchange).costNanos ?? 0),
    });
  }

  async rows(): Promise<readonly Readonly<Record<string, unknown>>[]> {
    const [route] = this.budgets.routes;
    const answer = await route!.run({
      ...{ params: {}, query: new URLSearchParams(), body: undefined },
      ...{ admin: '', role: 'viewer', method: 'GET', path: '/budgets', requestId: 'r' },
    });
    return (answer.body as { budgets: Readonly<Record<string, unknown>>[] }).budgets;
  }
}

function costOf(exchange: Exchange): Cost {
  const { usage, status, outcome, answerEnded, tapGaveUp } = exchange;
  const isFinal = (outcome === 'complete' || answerEnded) && !tapGaveUp;
  const known = usage !== null && isFinal && status === 200 && exchange.modelRequested === 'priced';
  exchange.cost ??= {
    costNanos: known ? PRICE.costNanos(usage) : null,
    costSource: null,
    priceVersion: null,
  };
  return exchange.cost;
}
