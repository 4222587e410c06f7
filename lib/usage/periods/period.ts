export const PERIOD_LENGTHS = ['day', 'week', 'month'] as const;

export type PeriodLength = (typeof PERIOD_LENGTHS)[number];

/** A stretch of the calendar in UTC. */
export interface Period {
  /** `2026-11-21`, `2026-W47` (ISO 8601) or `2026-11`. */
  readonly name: string;
  /** Unix time in milliseconds of its first moment. */
  readonly sinceMs: number;
  /** Of the first moment behind it. */
  readonly untilMs: number;
}

const DAY_MS = 86_400_000;
const WEEK_DAYS = 7;
/** The first of January 1970 was a Thursday. */
const DAYS_FROM_MONDAY = 3;

/** The period in which a moment lies. Weeks begin on Monday. */
export function periodOf(length: PeriodLength, atMs: number): Period {
  if (length === 'month') return monthOf(atMs);
  const day = Math.floor(atMs / DAY_MS);
  if (length === 'day') return { name: dayName(day), sinceMs: day * DAY_MS, untilMs: (day + 1) * DAY_MS };
  const monday = day - ((day + DAYS_FROM_MONDAY) % WEEK_DAYS);
  return {
    name: weekName(monday),
    sinceMs: monday * DAY_MS,
    untilMs: (monday + WEEK_DAYS) * DAY_MS,
  };
}

/** The last period that was over at a moment. */
export function lastPeriodBefore(length: PeriodLength, atMs: number): Period {
  return periodOf(length, periodOf(length, atMs).sinceMs - 1);
}

function monthOf(atMs: number): Period {
  const date = new Date(atMs);
  const sinceMs = Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
  const untilMs = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
  return { name: date.toISOString().slice(0, 7), sinceMs, untilMs };
}

function dayName(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** A week belongs to the year in which its Thursday lies, and is counted from that year's first Thursday. */
function weekName(monday: number): string {
  const year = new Date((monday + DAYS_FROM_MONDAY) * DAY_MS).getUTCFullYear();
  const week = Math.floor((monday + DAYS_FROM_MONDAY - Date.UTC(year, 0) / DAY_MS) / WEEK_DAYS) + 1;
  return `${year}-W${String(week).padStart(2, '0')}`;
}
