import type { FingerprintValue } from '../../base/index.ts';

/** Why and for how long something is denied. Times are Unix milliseconds. */
export interface DenyTerms {
  /** `spend` is answered with 402, every other with 401. */
  readonly reason: string;
  /** Null: until it is removed. */
  readonly untilMs: number | null;
  /** Only what was issued before; null: whatever it is. */
  readonly issuedBeforeMs: number | null;
}

export type Verdict = 'denied' | 'spend' | null;

export const SPEND = 'spend';

const UINT32 = 2 ** 32;
/** Flags in the high number of a value. */
const IS_SPEND = 2 ** 30;
const HAS_ISSUED_BEFORE = 2 ** 29;
/**
 * With an `issuedBefore`: 41 bits of milliseconds from 2020 (to 2089), the low
 * 32 in the low number, and 20 bits of `until` in steps of 2048 s from 2020 (to
 * 2088), where 0 is never. The table's writer takes entries out to the second;
 * a reader that finds one longer than that denies it for one step at most.
 */
const EPOCH_MS = Date.UTC(2020, 0, 1);
const ISSUED_MAX = 2 ** 41 - 1;
const UNTIL_STEP_MS = 2_048_000;
const UNTIL_SHIFT = 2 ** 9;
const UNTIL_STEPS_MAX = 2 ** 20 - 1;

/** Whether they are over. */
export function isOver({ untilMs }: DenyTerms, nowMs: number): boolean {
  return untilMs !== null && untilMs <= nowMs;
}

/** The stricter of both in each respect. */
export function stricter(a: DenyTerms, b: DenyTerms): DenyTerms {
  return {
    reason: a.reason === SPEND ? b.reason : a.reason,
    untilMs: a.untilMs === null || b.untilMs === null ? null : Math.max(a.untilMs, b.untilMs),
    issuedBeforeMs:
      a.issuedBeforeMs === null || b.issuedBeforeMs === null
        ? null
        : Math.max(a.issuedBeforeMs, b.issuedBeforeMs),
  };
}

/**
 * Terms as they stand in the table. Without `issuedBefore` the low number is
 * `until` in Unix seconds (to 2106), 0 for never. What lies beyond a range is
 * taken as the stricter: never ends, or whatever was issued.
 */
export function packTerms({ reason, untilMs, issuedBeforeMs }: DenyTerms): FingerprintValue {
  const spend = reason === SPEND ? IS_SPEND : 0;
  const issued = issuedBeforeMs === null ? null : Math.max(issuedBeforeMs - EPOCH_MS, 0);
  if (issued === null || issued > ISSUED_MAX) {
    const until = untilMs === null ? 0 : Math.max(Math.ceil(untilMs / 1000), 1);
    return { low: until < UINT32 ? until : 0, high: spend };
  }
  const steps = untilMs === null ? 0 : Math.max(Math.ceil((untilMs - EPOCH_MS) / UNTIL_STEP_MS), 1);
  const until = steps <= UNTIL_STEPS_MAX ? steps : 0;
  return {
    low: issued % UINT32,
    high: spend + HAS_ISSUED_BEFORE + until * UNTIL_SHIFT + Math.floor(issued / UINT32),
  };
}

/**
 * What packed terms say of a key.
 *
 * @param issuedMs null where it has no time of issue: then `issuedBefore` spares nobody.
 */
export function judgePacked(
  { low, high }: FingerprintValue,
  issuedMs: number | null,
  nowMs: number,
): Verdict {
  const verdict = (high & IS_SPEND) === 0 ? 'denied' : 'spend';
  if ((high & HAS_ISSUED_BEFORE) === 0) return low !== 0 && low * 1000 <= nowMs ? null : verdict;
  const steps = (high % HAS_ISSUED_BEFORE) >>> 9;
  if (steps !== 0 && EPOCH_MS + steps * UNTIL_STEP_MS <= nowMs) return null;
  const issuedBeforeMs = EPOCH_MS + (high % UNTIL_SHIFT) * UINT32 + low;
  return issuedMs === null || issuedMs < issuedBeforeMs ? verdict : null;
}
