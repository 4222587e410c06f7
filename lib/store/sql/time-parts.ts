import { DAY_MS } from './sums.ts';

/** A part of a span of time, and where its sums come from: `rollup`, by days counted from 1970, or the facts themselves. */
export type TimePart =
  | { readonly from: 'month' | 'day'; readonly first: number; readonly end: number }
  | { readonly from: 'facts'; readonly sinceMs: number; readonly untilMs: number };

/** Later than any date. */
const DAYS_MAX = 100_000_001;

/**
 * Whole months, and whole days beside them, come from the running sums. The
 * days in which the span of time begins and ends are summed from their facts.
 * No part is empty; a span of no length has none.
 *
 * @param byDay months are of no use, since each day is asked for.
 */
export function timeParts(sinceMs: number, untilMs: number | null, byDay: boolean): readonly TimePart[] {
  const firstDay = Math.ceil(sinceMs / DAY_MS);
  const endDay = untilMs === null ? DAYS_MAX : Math.floor(untilMs / DAY_MS);
  if (untilMs !== null && firstDay > endDay) return facts(sinceMs, untilMs);
  const edges = [
    ...facts(sinceMs, firstDay * DAY_MS),
    ...(untilMs === null ? [] : facts(endDay * DAY_MS, untilMs)),
  ];
  const firstMonth = monthFrom(firstDay);
  const endMonth = untilMs === null ? DAYS_MAX : monthOf(endDay);
  if (byDay || firstMonth >= endMonth) return [...rollup('day', firstDay, endDay), ...edges];
  return [
    ...rollup('month', firstMonth, endMonth),
    ...rollup('day', firstDay, firstMonth),
    ...rollup('day', endMonth, endDay),
    ...edges,
  ];
}

function rollup(from: 'month' | 'day', first: number, end: number): readonly TimePart[] {
  return first < end ? [{ from, first, end }] : [];
}

function facts(sinceMs: number, untilMs: number): readonly TimePart[] {
  return sinceMs < untilMs ? [{ from: 'facts', sinceMs, untilMs }] : [];
}

/** The first day of a day's month. */
function monthOf(day: number): number {
  const date = new Date(day * DAY_MS);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth()) / DAY_MS;
}

/** The first day of the first month that begins on a day or later. */
function monthFrom(day: number): number {
  const start = monthOf(day);
  return start === day ? day : monthOf(start + 31);
}
