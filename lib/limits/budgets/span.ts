import type { BudgetSpan } from '../../pipeline/index.ts';

/** A window of time, in Unix milliseconds. */
export interface Span {
  readonly startMs: number;
  /** The first moment that is no longer in it; null is never. */
  readonly endMs: number | null;
}

const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;
/** 1970 began on a Thursday; weeks begin on Monday (ISO 8601). */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/** The hour, day, week or month of UTC in which a moment lies. */
export function spanOf(per: BudgetSpan, atMs: number): Span {
  switch (per) {
    case 'hour':
      return fixed(HOUR_MS, 0, atMs);
    case 'day':
      return fixed(DAY_MS, 0, atMs);
    case 'week':
      return fixed(WEEK_MS, FIRST_MONDAY_MS, atMs);
    case 'month': {
      const date = new Date(atMs);
      const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
      return { startMs: Date.UTC(year, month), endMs: Date.UTC(year, month + 1) };
    }
    case 'lifetime':
      return { startMs: 0, endMs: null };
  }
}

function fixed(lengthMs: number, firstMs: number, atMs: number): Span {
  const startMs = Math.floor((atMs - firstMs) / lengthMs) * lengthMs + firstMs;
  // The first week of 1970 is a short one: the store knows no earlier time.
  return { startMs: Math.max(0, startMs), endMs: startMs + lengthMs };
}
