import type { Budget, BudgetSpan } from '../../pipeline/index.ts';
import type { Spent, SpentScope } from '../../store/index.ts';
import type { Span } from './span.ts';

/** So much of what budgets count. */
export interface Amounts {
  readonly requests: number;
  /** Input and output together. */
  readonly tokens: number;
  /** USD × 10⁹. */
  readonly nanos: bigint;
}

const NOTHING: Amounts = Object.freeze({ requests: 0, tokens: 0, nanos: 0n });

function sum(a: Amounts, b: Amounts): Amounts {
  return { requests: a.requests + b.requests, tokens: a.tokens + b.tokens, nanos: a.nanos + b.nanos };
}

function difference(a: Amounts, b: Amounts): Amounts {
  return { requests: a.requests - b.requests, tokens: a.tokens - b.tokens, nanos: a.nanos - b.nanos };
}

/** Whether these amounts are more than a budget allows of what is wanted: who wants nothing of a kind is not kept from it. */
export function exceeds(amounts: Amounts, wanted: Amounts, { requests, tokens, nanos }: Budget): boolean {
  return (
    (requests !== null && wanted.requests > 0 && amounts.requests > requests) ||
    (tokens !== null && wanted.tokens > 0 && amounts.tokens > tokens) ||
    (nanos !== null && wanted.nanos > 0n && amounts.nanos > nanos)
  );
}

/** A charge that may be missing from what the store is about to say. */
interface LoggedCharge {
  readonly id: string;
  readonly amounts: Amounts;
}

/**
 * What one scope has used and reserved in one window. `spent` equals what the
 * store's facts charge, as soon as they are there; what caps there are is not
 * its business, so several rules may share it.
 */
export class Account {
  readonly scope: SpentScope;
  readonly per: BudgetSpan;
  readonly span: Span;
  /** The store has said what was spent before this process knew of the account. */
  isLoaded = false;
  /** Monotonic: when the store was last asked with success. */
  loadedMs = 0;
  /** A load under way; true when it succeeds. */
  loading: Promise<boolean> | null = null;
  /** Monotonic: nobody waits for another load before. */
  retryMs = 0;
  /** Exchanges that hold a reservation. */
  holds = 0;
  /** Used since somebody last looked for accounts to drop. */
  isRecent = true;
  #spent = NOTHING;
  #reserved = NOTHING;
  #log: LoggedCharge[] | null = null;
  /** Accounts that were used since the store was last asked about them. */
  readonly #stale: Set<Account>;

  constructor(scope: SpentScope, per: BudgetSpan, span: Span, stale: Set<Account>) {
    this.scope = scope;
    this.per = per;
    this.span = span;
    this.#stale = stale;
  }

  get spent(): Amounts {
    return this.#spent;
  }

  get reserved(): Amounts {
    return this.#reserved;
  }

  /** What there would be with so much more. */
  with(more: Amounts): Amounts {
    return sum(sum(this.#spent, this.#reserved), more);
  }

  /** What there would be with so much more, were nothing reserved. */
  spentWith(more: Amounts): Amounts {
    return sum(this.#spent, more);
  }

  reserve(amounts: Amounts): void {
    this.holds++;
    this.#stale.add(this);
    this.#reserved = sum(this.#reserved, amounts);
  }

  /** Ends a reservation. `id` is the exchange's, and so its fact's. */
  settle(id: string, reserved: Amounts, charged: Amounts): void {
    this.holds--;
    this.#stale.add(this);
    this.#reserved = difference(this.#reserved, reserved);
    this.#spent = sum(this.#spent, charged);
    this.#log?.push({ id, amounts: charged });
  }

  /** Whether to ask the store before a request goes on: it was never asked, or so long ago that others may have used much since. */
  needsLoad(nowMs: number, ageMaxMs: number): boolean {
    return !this.isLoaded || (nowMs - this.loadedMs > ageMaxMs && nowMs >= this.retryMs);
  }

  /** From now on each charge is kept apart: the store may or may not have it by the time it answers. */
  beginLoad(): void {
    this.#stale.delete(this);
    this.#log = [];
  }

  /** The facts that the store shall leave out. */
  logged(): readonly string[] {
    return (this.#log ?? []).map(({ id }) => id);
  }

  /** The store's word, with what was charged since. */
  endLoad({ requests, tokens, costNanos }: Spent): void {
    const since = (this.#log ?? []).reduce((all, { amounts }) => sum(all, amounts), NOTHING);
    this.#spent = sum({ requests, tokens, nanos: costNanos }, since);
    this.#log = null;
    this.isLoaded = true;
  }

  failLoad(): void {
    this.#log = null;
    this.#stale.add(this);
  }
}
