import type { Dimension, Summary, SummaryQuery, SummaryRow } from '../ledger.ts';
import type { Sql, SqlDialect, SqlRow } from './dialect.ts';
import { SERIES_COLUMNS, seriesWhere } from './series.ts';
import { DAY_MS, DAYS_OF_FACTS, SUM_COLUMNS, SUMS_OF_SUMS } from './sums.ts';

/** Later than any date. */
const DAYS_MAX = 100_000_001;

/**
 * Whole months, and whole days beside them, come from the running sums. The
 * days in which the span of time begins and ends are summed from their facts.
 */
function sourceOf({ by, sinceMs = 0, untilMs }: SummaryQuery): Sql {
  const firstDay = Math.ceil(sinceMs / DAY_MS);
  const endDay = untilMs === undefined ? DAYS_MAX : Math.floor(untilMs / DAY_MS);
  if (untilMs !== undefined && firstDay > endDay) return joined([factsBetween(sinceMs, untilMs)]);
  const edges = [factsBetween(sinceMs, firstDay * DAY_MS)];
  if (untilMs !== undefined) edges.push(factsBetween(endDay * DAY_MS, untilMs));
  const firstMonth = monthFrom(firstDay);
  const endMonth = untilMs === undefined ? DAYS_MAX : monthOf(endDay);
  if (by.includes('day') || firstMonth >= endMonth)
    return joined([rollupBetween('day', firstDay, endDay), ...edges]);
  return joined([
    rollupBetween('month', firstMonth, endMonth),
    rollupBetween('day', firstDay, firstMonth),
    rollupBetween('day', endMonth, endDay),
    ...edges,
  ]);
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

/** Null where nothing lies between. */
function rollupBetween(span: 'day' | 'month', from: number, to: number): Sql | null {
  const sql = `SELECT day, series, ${SUM_COLUMNS} FROM rollup WHERE span = ? AND day >= ? AND day < ?`;
  return from < to ? { sql, values: [span, from, to] } : null;
}

function factsBetween(fromMs: number, toMs: number): Sql | null {
  return fromMs < toMs ? { sql: `SELECT * FROM (${DAYS_OF_FACTS}) AS edge`, values: [fromMs, toMs] } : null;
}

function joined(parts: readonly (Sql | null)[]): Sql {
  const some = parts.filter(part => part !== null);
  // A span of no length has no part at all.
  if (some.length === 0)
    return { sql: `SELECT day, series, ${SUM_COLUMNS} FROM rollup WHERE false`, values: [] };
  return {
    sql: some.map(({ sql }) => sql).join(' UNION ALL '),
    values: some.flatMap(({ values }) => values),
  };
}

/** Gives one row more than the limit where there are more groups. */
export function summarySql(query: SummaryQuery, dialect: SqlDialect): Sql {
  const { by, limit } = query;
  const source = sourceOf(query);
  const where = seriesWhere(query);
  const names = by.map((_, i) => `g${i}`);
  const groups = by.map((dimension, i) => `${expressionOf(dimension, dialect)} AS ${names[i]}, `).join('');
  const times = names.filter((_, i) => by[i] === 'day' || by[i] === 'month');
  const order = [
    ...times,
    'cost_nanos DESC NULLS LAST',
    'coalesce(input_tokens, 0) + coalesce(output_tokens, 0) DESC',
    'requests DESC',
    ...names.map(name => `${name} NULLS FIRST`),
  ];
  return {
    sql: `
SELECT * FROM (
  SELECT ${groups}${SUMS_OF_SUMS} FROM (${source.sql}) AS source JOIN series s ON s.id = source.series
  WHERE ${where.sql} ${names.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${names.join(', ')}`}
) AS sums ORDER BY ${order.join(', ')} LIMIT ?`,
    values: [...source.values, ...where.values, limit + 1],
  };
}

function expressionOf(dimension: Dimension, { dayText, monthText }: SqlDialect): string {
  if (dimension === 'day') return dayText;
  return dimension === 'month' ? monthText : SERIES_COLUMNS[dimension];
}

/** What the rows of `summarySql` say. */
export function readSummary(rows: readonly SqlRow[], { by, limit }: SummaryQuery): Summary {
  return {
    rows: rows.slice(0, limit).map(row => summaryRow(row, by)),
    truncated: rows.length > limit,
  };
}

function summaryRow(row: SqlRow, by: readonly Dimension[]): SummaryRow {
  const number = (column: string): number => Number(row[column]);
  const stated = (column: string): number | null => (row[column] === null ? null : number(column));
  return {
    group: Object.fromEntries(by.map((dimension, i) => [dimension, row[`g${i}`] as string | null])),
    requests: number('requests'),
    refused: number('refused'),
    failed: number('failed'),
    aborted: number('aborted'),
    lost: number('lost'),
    unmetered: number('unmetered'),
    estimated: number('estimated'),
    unpriced: number('unpriced'),
    inputTokens: stated('input_tokens'),
    outputTokens: stated('output_tokens'),
    cachedInputTokens: stated('cached_input_tokens'),
    cacheWriteTokens: stated('cache_write_tokens'),
    reasoningTokens: stated('reasoning_tokens'),
    audioTokens: stated('audio_tokens'),
    // Money may pass what a double holds exactly.
    costNanos: row.cost_nanos === null ? null : BigInt(row.cost_nanos as bigint | string),
  };
}
