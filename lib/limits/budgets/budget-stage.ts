import type { Clock } from '../../base/index.ts';
import { Refusal } from '../../errors/index.ts';
import type { Exchange, Stage, StageResult } from '../../pipeline/index.ts';
import { type Account, type Amounts, exceeds } from './account.ts';
import type { BodyBound } from './body-reading.ts';
import type { Book } from './book.ts';
import { BudgetHold, type UsedBy } from './budget-hold.ts';
import type { Loader } from './loader.ts';
import { NO_BODY, readRequest } from './read-request.ts';
import { refusalOf } from './refusal-of.ts';
import { type Reserved, reservationOf, runsModel } from './reservation.ts';
import type { Cap, Rules } from './rules.ts';
import type { BudgetSettings } from './settings.ts';

export interface BudgetStageOptions {
  readonly settings: BudgetSettings;
  /** How old what is known of an account may be, in milliseconds. */
  readonly ageMaxMs: number;
  readonly rules: Rules;
  readonly book: Book;
  readonly loader: Loader;
  readonly clock: Clock;
  readonly used: UsedBy;
  /** Told of each refusal. */
  readonly refused: (reason: BudgetRefusal) => void;
}

export type BudgetRefusal = 'spent' | 'unpriced' | 'unknown';

/** Accounts that a load has brought may have been dropped by the time they are used: then once more. */
const ROUNDS_MAX = 3;

function isMetered(caps: readonly Cap[]): boolean {
  return caps.some(({ budget }) => budget.tokens !== null || budget.nanos !== null);
}

/** Has the body read whole where a budget is in tokens or USD: what counts requests does not look at it. */
export class BudgetNeeds implements Stage {
  readonly name = 'budget-needs';
  readonly phase = 'limit';
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  run(exchange: Exchange): StageResult {
    if (isMetered(this.#rules.capsOf(exchange)) && runsModel(exchange)) exchange.needsWholeBody = true;
    return undefined;
  }
}

/**
 * Reserves on every budget that applies what a request may use at most, all or
 * none, in one step that nothing interrupts; so no number of requests at the
 * same time passes a cap. Waits only for the store's word on accounts that are
 * new to this process.
 */
export class BudgetStage implements Stage {
  readonly name = 'budgets';
  readonly phase = 'inspect';
  readonly #options: BudgetStageOptions;

  constructor(options: BudgetStageOptions) {
    this.#options = options;
  }

  run(exchange: Exchange): StageResult | Promise<StageResult> {
    const caps = this.#options.rules.capsOf(exchange);
    if (caps.length === 0) return undefined;
    const bound = isMetered(caps) && runsModel(exchange) ? readRequest(exchange) : NO_BODY;
    if (bound instanceof Promise) return this.#wait(exchange, caps, bound);
    const accounts = this.#accountsOf(exchange, caps);
    return this.#toLoad(accounts).length === 0
      ? this.#admit(exchange, caps, accounts, bound)
      : this.#wait(exchange, caps, bound);
  }

  #accountsOf(exchange: Exchange, caps: readonly Cap[]): readonly Account[] {
    const { book } = this.#options;
    return caps.map(({ scope, budget }) => book.account(scope, budget.per, exchange.startedWallMs));
  }

  async #wait(
    exchange: Exchange,
    caps: readonly Cap[],
    reading: BodyBound | Promise<BodyBound>,
  ): Promise<StageResult> {
    const bound = await reading;
    for (let round = 0; round < ROUNDS_MAX; round++) {
      const accounts = this.#accountsOf(exchange, caps);
      const missing = this.#toLoad(accounts);
      if (missing.length === 0) return this.#admit(exchange, caps, accounts, bound);
      await Promise.all(missing.map(account => this.#loaded(account)));
      if (exchange.settled) return undefined;
      if (missing.some(({ isLoaded }) => !isLoaded)) return this.#unknown(exchange, caps, bound);
    }
    return this.#unknown(exchange, caps, bound);
  }

  /** The store does not say what was spent. */
  #unknown(exchange: Exchange, caps: readonly Cap[], bound: BodyBound): StageResult {
    const { settings, refused } = this.#options;
    if (settings.onStoreDown === 'allow')
      return this.#admit(exchange, caps, this.#accountsOf(exchange, caps), bound);
    refused('unknown');
    return new Refusal('budget_unavailable', 'the store does not say what was spent', 1);
  }

  /** Accounts of which nothing recent is known. What was known before is good enough where the store does not answer. */
  #toLoad(accounts: readonly Account[]): readonly Account[] {
    const { clock, ageMaxMs } = this.#options;
    const nowMs = clock.monotonicMs();
    return accounts.filter(account => account.needsLoad(nowMs, ageMaxMs));
  }

  /** Ends as soon as the store has answered, or will not in time. It is not asked at once again where it just failed. */
  #loaded(account: Account): Promise<void> {
    const { loader, clock, settings } = this.#options;
    if (account.loading === null && clock.monotonicMs() < account.retryMs) return Promise.resolve();
    const loading = loader.load(account);
    return new Promise(resolve => {
      const timer = setTimeout(() => {
        // Nobody else waits as long again for the same store.
        account.retryMs = clock.monotonicMs() + settings.storeWaitMs;
        resolve();
      }, settings.storeWaitMs);
      void loading.then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** Nothing is waited for from here on. */
  #admit(
    exchange: Exchange,
    caps: readonly Cap[],
    accounts: readonly Account[],
    bound: BodyBound,
  ): StageResult {
    const { settings, clock, used, refused } = this.#options;
    const metersTokens = caps.some(({ budget }) => budget.tokens !== null);
    const metersMoney = caps.some(({ budget }) => budget.nanos !== null);
    const reserved = metersTokens || metersMoney ? reservationOf(exchange, bound, settings) : null;
    if (metersMoney && reserved!.nanos === null && settings.unknownCost === 'deny') {
      refused('unpriced');
      return new Refusal('unpriced_model', `model ${exchange.modelRequested ?? 'not stated'}`);
    }
    const amounts = amountsOf(reserved, metersTokens, metersMoney);
    // What nobody knows the price of passes no budget that is used up.
    const wanted = metersMoney && reserved!.nanos === null ? { ...amounts, nanos: 1n } : amounts;
    const exhausted = caps.flatMap((cap, i) => {
      const account = accounts[i]!;
      return exceeds(account.with(wanted), wanted, cap.budget) ? [{ cap, account }] : [];
    });
    if (exhausted.length > 0) {
      refused('spent');
      return refusalOf(exhausted, wanted, clock.wallMs());
    }
    const held = { accounts: [...new Set(accounts)], amounts, reserved, metersTokens, metersMoney };
    exchange.take(new BudgetHold(exchange, held, used));
    return undefined;
  }
}

function amountsOf(reserved: Reserved | null, metersTokens: boolean, metersMoney: boolean): Amounts {
  return {
    requests: 1,
    tokens: reserved !== null && metersTokens ? reserved.inputTokens + reserved.outputTokens : 0,
    nanos: reserved !== null && metersMoney ? (reserved.nanos ?? 0n) : 0n,
  };
}
