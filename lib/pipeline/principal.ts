import type { AddressSet } from '../wire/index.ts';
import type { Operation } from './dialect.ts';
import type { AuthKind } from './fact.ts';

/** Globs over model names (CONTRACT §3). */
export interface ModelPatterns {
  /** `model` as the provider will read it, `route` what stands before the `/` of a pattern that has one: the provider's name. */
  allows(route: string, model: string): boolean;
}

/** Over how long a budget counts: hours, days, ISO weeks and months of UTC, or for ever. */
export const BUDGET_SPANS = ['hour', 'day', 'week', 'month', 'lifetime'] as const;

export type BudgetSpan = (typeof BUDGET_SPANS)[number];

/** What may be used within a span. Null is not limited; at least one is. */
export interface Budget {
  readonly requests: number | null;
  /** Input and output together. */
  readonly tokens: number | null;
  /** USD × 10⁹. */
  readonly nanos: bigint | null;
  readonly per: BudgetSpan;
}

const USD = /^(\d{1,10})(?:\.(\d{1,9}))?$/;

/** USD, as a number or as decimal text, in nano-dollars. Null where it is no amount from 0 to 9,999,999,999 with at most nine decimals. */
export function usdNanos(amount: unknown): bigint | null {
  const text = typeof amount === 'number' ? decimalOf(amount) : amount;
  const parts = typeof text === 'string' ? USD.exec(text) : null;
  return parts === null ? null : BigInt(parts[1]! + (parts[2] ?? '').padEnd(9, '0'));
}

/** The shortest decimal text of a number, without an exponent where it needs none. */
function decimalOf(amount: number): string {
  const fixed = amount.toFixed(9);
  return Number(fixed) === amount ? fixed : String(amount);
}

/** What a key may do. Null is "no restriction". */
export interface Grant {
  readonly providers: ReadonlySet<string> | null;
  readonly operations: ReadonlySet<Operation>;
  readonly models: ModelPatterns | null;
  /** Where requests may come from. */
  readonly addresses: AddressSet | null;
  /** Requests a minute. */
  readonly rpm: number | null;
  /** Tokens a minute, input and output together. */
  readonly tpm: number | null;
  /** Requests at a time. */
  readonly concurrency: number | null;
  readonly budget: Budget | null;
  /** Bytes of a request body; only ever less than the gateway's own limit. */
  readonly bodyBytes: number | null;
}

/** Who asks. One object per key where the key is ours, so that what is known of a key can be remembered by it. */
export interface Principal {
  readonly auth: AuthKind;
  readonly subject: string | null;
  readonly keyId: string | null;
  readonly tags: Readonly<Record<string, string>>;
  /** True when a pool key is to be used and every credential of the client removed. */
  readonly managed: boolean;
  /** Null where the credential is none of ours. */
  readonly grant: Grant | null;
  /** PASERK id of the signing key; null unless virtual. */
  readonly issuer: string | null;
  /** Unix time, milliseconds; null unless virtual. */
  readonly issuedMs: number | null;
}
