import type { Exchange, Principal } from '../pipeline/index.ts';
import type { CountedName } from './counted-name.ts';
import type { Dimension } from './dimension.ts';

/** One limit that may apply to an exchange. */
export interface Rule {
  /** Whose limit it is, for the operator's log: `key`, `subject`, `gateway`. */
  readonly label: string;
  readonly dimension: Dimension;
  /** Null where the exchange has no such name. */
  nameOf(exchange: Exchange): CountedName | null;
  /** A minute's worth; null is not limited. */
  limitOf(principal: Principal): number | null;
  /** Whether answers may tell the client about it: what others do is no business of theirs. */
  readonly isShown: boolean;
}

/** How near a limit is, as answers tell it. */
export interface Reading {
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
}

export function readingOf({ dimension }: Rule, name: CountedName, limit: number): Reading {
  const remaining = Math.max(0, limit - dimension.estimate(name));
  return { limit, remaining, resetSeconds: dimension.resetSeconds() };
}

/** The one of two that leaves less. */
export function stricter(a: Reading | null, b: Reading): Reading {
  return a === null || b.remaining < a.remaining ? b : a;
}
