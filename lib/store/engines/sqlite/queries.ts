import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import {
  type Dimension,
  FACT_CURSOR,
  type FactFilter,
  type FactPage,
  type FactQuery,
  type Summary,
  type SummaryQuery,
  type SummaryRow,
} from '../../ledger.ts';
import { DAY_MS, DAYS_OF_FACTS, SUM_COLUMNS, SUMS_OF_SUMS } from './sums.ts';

const MODEL = 'ifnull(s.model_served, s.model_requested)';
const EXPRESSIONS: Readonly<Record<Dimension, string>> = {
  day: "strftime('%Y-%m-%d', day * 86400, 'unixepoch')",
  month: "strftime('%Y-%m', day * 86400, 'unixepoch')",
  subject: 's.subject',
  key: 's.key_id',
  provider: 's.provider',
  operation: 's.operation',
  model: MODEL,
  modelRequested: 's.model_requested',
};
const WORDS = ['subject', 'key', 'provider', 'operation', 'model', 'modelRequested'] as const;
/** Later than any date. */
const DAYS_MAX = 100_000_001;

type Row = Readonly<Record<string, SQLOutputValue>>;

/** A condition and the values of its question marks. */
interface Condition {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

function seriesWhere(filter: FactFilter): Condition {
  const parts = ['s.kind = ?'];
  const values: SQLInputValue[] = [filter.kind ?? 'request'];
  for (const name of WORDS) {
    const value = filter[name];
    if (value === undefined) continue;
    parts.push(`${EXPRESSIONS[name]} = ?`);
    values.push(value);
  }
  return { sql: parts.join(' AND '), values };
}

/**
 * Whole months, and whole days beside them, come from the running sums. The
 * days in which the span of time begins and ends are summed from their facts.
 */
function sourceOf({ by, sinceMs = 0, untilMs }: SummaryQuery): Condition {
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
function rollupBetween(span: 'day' | 'month', from: number, to: number): Condition | null {
  const sql = `SELECT day, series, ${SUM_COLUMNS} FROM rollup WHERE span = ? AND day >= ? AND day < ?`;
  return from < to ? { sql, values: [span, from, to] } : null;
}

function factsBetween(fromMs: number, toMs: number): Condition | null {
  return fromMs < toMs ? { sql: `SELECT * FROM (${DAYS_OF_FACTS})`, values: [fromMs, toMs] } : null;
}

function joined(parts: readonly (Condition | null)[]): Condition {
  const some = parts.filter(part => part !== null);
  // A span of no length has no part at all.
  if (some.length === 0)
    return { sql: `SELECT day, series, ${SUM_COLUMNS} FROM rollup WHERE false`, values: [] };
  return {
    sql: some.map(({ sql }) => sql).join(' UNION ALL '),
    values: some.flatMap(({ values }) => values),
  };
}

export function summaryOf(connection: DatabaseSync, query: SummaryQuery): Summary {
  const { by, limit } = query;
  const source = sourceOf(query);
  const where = seriesWhere(query);
  const names = by.map((_, i) => `g${i}`);
  const groups = by.map((dimension, i) => `${EXPRESSIONS[dimension]} AS ${names[i]}, `).join('');
  const times = names.filter((_, i) => by[i] === 'day' || by[i] === 'month');
  const order = [
    ...times,
    'cost_nanos DESC NULLS LAST',
    'ifnull(input_tokens, 0) + ifnull(output_tokens, 0) DESC',
    'requests DESC',
    ...names,
  ];
  const statement = connection.prepare(
    `SELECT ${groups}${SUMS_OF_SUMS} FROM (${source.sql}) JOIN series s ON s.id = series
     WHERE ${where.sql} ${names.length === 0 ? 'HAVING count(*) > 0' : `GROUP BY ${names.join(', ')}`}
     ORDER BY ${order.join(', ')} LIMIT ?`,
  );
  // Money may pass what a double holds exactly.
  statement.setReadBigInts(true);
  const rows = statement.all(...source.values, ...where.values, limit + 1);
  return {
    rows: rows.slice(0, limit).map(row => summaryRow(row, by)),
    truncated: rows.length > limit,
  };
}

function summaryRow(row: Row, by: readonly Dimension[]): SummaryRow {
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
    costNanos: row.cost_nanos as bigint | null,
  };
}

/** @throws where `after` is not what a page gave. */
export function factPage(connection: DatabaseSync, query: FactQuery): FactPage {
  const where = seriesWhere(query);
  const parts = [where.sql];
  const values = [...where.values];
  const add = (sql: string, ...more: SQLInputValue[]): void => {
    parts.push(sql);
    values.push(...more);
  };
  if (query.sinceMs !== undefined) add('f.time_ms >= ?', query.sinceMs);
  if (query.untilMs !== undefined) add('f.time_ms < ?', query.untilMs);
  if (query.outcome !== undefined) add('f.outcome = ?', query.outcome);
  if (query.after !== undefined) add('(f.time_ms, f.number) > (?, ?)', ...cursorOf(query.after));
  const rows = connection
    .prepare(
      `SELECT f.time_ms, f.number, f.payload FROM facts f JOIN series s ON s.id = f.series
       WHERE ${parts.join(' AND ')} ORDER BY f.time_ms, f.number LIMIT ?`,
    )
    .all(...values, query.limit + 1);
  const page = rows.slice(0, query.limit);
  const last = page.at(-1);
  return {
    facts: page.map(row => String(row.payload)),
    next: rows.length > query.limit ? `${last!.time_ms}.${last!.number}` : null,
  };
}

function cursorOf(after: string): [number, number] {
  const [, timeMs, number] = FACT_CURSOR.exec(after) ?? [];
  if (timeMs === undefined) throw new Error('after: not a cursor of a page');
  return [Number(timeMs), Number(number)];
}
