import type { Cost, Exchange, Lease } from '../../pipeline/index.ts';
import type { Account, Amounts } from './account.ts';
import type { Reserved } from './reservation.ts';
import { settle } from './settlement.ts';

/** What a finished exchange used: the very amounts that its fact states. */
export interface UsedBy {
  costOf(exchange: Exchange): Cost;
  /** Input and output together. */
  usedTokens(exchange: Exchange): number;
}

/** What an exchange holds on accounts, and which of its sums budgets are about. */
export interface Held {
  /** Each once. */
  readonly accounts: readonly Account[];
  readonly amounts: Amounts;
  /** Null where only requests are counted. */
  readonly reserved: Reserved | null;
  readonly metersTokens: boolean;
  readonly metersMoney: boolean;
}

/**
 * A reservation until the exchange is over. What is charged then is written on
 * the exchange, so that its fact says so and the store adds up the same.
 */
export class BudgetHold implements Lease {
  readonly #held: Held;
  readonly #used: UsedBy;

  constructor(exchange: Exchange, held: Held, used: UsedBy) {
    this.#held = held;
    this.#used = used;
    const tokens = held.metersTokens ? held.amounts.tokens : null;
    const nanos = held.metersMoney ? Number(held.amounts.nanos) : null;
    for (const account of held.accounts) account.reserve(held.amounts);
    // A crash leaves it charged as reserved.
    exchange.charge = {
      reservedTokens: tokens,
      reservedNanos: nanos,
      chargedTokens: tokens,
      chargedNanos: nanos,
    };
  }

  end(exchange: Exchange): void {
    const { accounts, amounts, reserved, metersTokens, metersMoney } = this.#held;
    const cost = this.#used.costOf(exchange);
    const settled = reserved === null ? null : settle(exchange, reserved, cost);
    const chargedTokens = settled !== null && metersTokens ? settled.tokens : null;
    const chargedNanos = settled !== null && metersMoney ? settled.nanos : null;
    exchange.charge = {
      ...exchange.charge!,
      chargedTokens,
      chargedNanos: chargedNanos === null ? null : Number(chargedNanos),
    };
    // Word for word what the store counts of such a fact (CHARGES in lib/store).
    const charged: Amounts = {
      requests: exchange.attempts > 0 ? 1 : 0,
      tokens: chargedTokens ?? this.#used.usedTokens(exchange),
      nanos: chargedNanos ?? BigInt(cost.costNanos ?? 0),
    };
    for (const account of accounts) account.settle(exchange.id, amounts, charged);
  }
}
