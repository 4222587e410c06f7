import type { BudgetSpan } from '../../pipeline/index.ts';
import type { SpentScope } from '../../store/index.ts';
import { Account } from './account.ts';
import { spanOf } from './span.ts';

/** Looked at for one that may go, each time there is one too many. */
const LOOKED_AT = 64;

/**
 * The accounts in memory. One that nothing is reserved on may be dropped at any
 * time: the store knows what was spent.
 */
export class Book {
  /** Used since the store was last asked about them. */
  readonly stale = new Set<Account>();
  #max: number;
  readonly #accounts = new Map<string, Account>();

  constructor(max: number) {
    this.#max = max;
  }

  set max(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#accounts.size;
  }

  [Symbol.iterator](): IterableIterator<Account> {
    return this.#accounts.values();
  }

  /** The account of a scope for the window in which a moment lies; made where there is none. */
  account(scope: SpentScope, per: BudgetSpan, atMs: number): Account {
    const span = spanOf(per, atMs);
    const name = nameOf(scope, per, span.startMs);
    const known = this.#accounts.get(name);
    if (known !== undefined) {
      known.isRecent = true;
      return known;
    }
    const account = new Account(scope, per, span, this.stale);
    this.#accounts.set(name, account);
    if (this.#accounts.size > this.#max) this.#makeRoom(account);
    return account;
  }

  /** Drops the first that was not used of late; those that were get another turn. */
  #makeRoom(newest: Account): void {
    let looked = 0;
    for (const [name, account] of this.#accounts) {
      if (account === newest || looked++ === LOOKED_AT) return;
      this.#accounts.delete(name);
      if (isIdle(account) && !account.isRecent) {
        this.stale.delete(account);
        return;
      }
      account.isRecent = false;
      this.#accounts.set(name, account);
    }
  }

  #drop(name: string, account: Account): void {
    this.#accounts.delete(name);
    this.stale.delete(account);
  }

  /** Drops windows that are over. */
  sweep(nowMs: number): void {
    for (const [name, account] of this.#accounts) {
      const { endMs } = account.span;
      if (endMs !== null && endMs <= nowMs && isIdle(account)) this.#drop(name, account);
    }
    // Above the limit when nothing could go at the time.
    for (const [name, account] of this.#accounts) {
      if (this.#accounts.size <= this.#max) return;
      if (isIdle(account)) this.#drop(name, account);
    }
  }
}

function isIdle({ holds, loading }: Account): boolean {
  return holds === 0 && loading === null;
}

/** Names of tags and of subjects may hold anything but a NUL. */
function nameOf(scope: SpentScope, per: BudgetSpan, startMs: number): string {
  const tag = scope.of === 'tag' ? scope.tag : '';
  const is = scope.of === 'all' ? '' : scope.is;
  return `${per}\0${startMs}\0${scope.of}\0${tag}\0${is}`;
}
