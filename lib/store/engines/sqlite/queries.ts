import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import type {
  Dimension,
  FactFilter,
  FactPage,
  FactQuery,
  PlainDimension,
  Summary,
  SummaryQuery,
  SummaryRow,
} from '../../ledger.ts';
import {
  DAYS_OF_FACTS,
  NEGATED_SUMS,
  SUM_COLUMNS,
  SUMS_LEFT,
  SUMS_OF_SUMS,
  TAGGED_DAYS_OF_FACTS,
} from './sums.ts';
import { type TimePart, timeParts } from './time-parts.ts';

const MODEL = 'ifnull(s.model_served, s.model_requested)';
const EXPRESSIONS: Readonly<Record<PlainDimension, string>> = {
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
const CURSOR = /^(\d{1,16})\.(\d{1,16})$/;

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

/** Where the sums of a time come from, by series; with a tag's name also by its values. */
function sourceOf({ by, sinceMs = 0, untilMs }: SummaryQuery, tag: string | null): Condition {
  const parts = timeParts(sinceMs, untilMs ?? null, by.includes('day'));
  const plain = joined(parts.map(ofAll), `day, series, ${SUM_COLUMNS}`);
  if (tag === null) return plain;
  const tagged = joined(
    parts.map(part => ofTagged(part, tag)),
    `day, series, name AS tag, ${SUM_COLUMNS}`,
  );
  // What bears no such tag is what is left of all.
  return {
    sql: `SELECT day, series, tag, ${SUM_COLUMNS} FROM (${tagged.sql})
      UNION ALL SELECT day, series, NULL, ${SUM_COLUMNS} FROM (${plain.sql})
      UNION ALL SELECT day, series, NULL, ${NEGATED_SUMS} FROM (${tagged.sql})`,
    values: [...tagged.values, ...plain.values, ...tagged.values],
  };
}

function ofAll(part: TimePart): Condition {
  if (part.from === 'facts')
    return { sql: `SELECT * FROM (${DAYS_OF_FACTS})`, values: [part.sinceMs, part.untilMs] };
  const sql = `SELECT day, series, ${SUM_COLUMNS} FROM rollup WHERE span = ? AND day >= ? AND day < ?`;
  return { sql, values: [part.from, part.first, part.end] };
}

function ofTagged(part: TimePart, tag: string): Condition {
  if (part.from === 'facts')
    return { sql: `SELECT * FROM (${TAGGED_DAYS_OF_FACTS})`, values: [part.sinceMs, part.untilMs, tag] };
  return {
    sql: `SELECT day, series, t.value AS tag, ${SUM_COLUMNS} FROM tags t JOIN tag_rollup r ON r.tag = t.id
      WHERE t.name = ? AND span = ? AND day >= ? AND day < ?`,
    values: [tag, part.from, part.first, part.end],
  };
}

/** @param columns what no part at all has none of. */
function joined(parts: readonly Condition[], columns: string): Condition {
  if (parts.length === 0)
    return { sql: `SELECT ${columns} FROM rollup, (SELECT NULL AS name) WHERE false`, values: [] };
  return {
    sql: parts.map(({ sql }) => sql).join(' UNION ALL '),
    values: parts.flatMap(({ values }) => values),
  };
}

function isTag(dimension: Dimension): dimension is `tag:${string}` {
  return dimension.startsWith('tag:');
}

function expressionOf(dimension: Dimension): string {
  return isTag(dimension) ? 'tag' : EXPRESSIONS[dimension];
}

/** @throws where two of the dimensions are tags. */
function tagOf(by: readonly Dimension[]): string | null {
  const [tag, other] = by.filter(isTag);
  if (other !== undefined) throw new Error('a summary is split by one tag at most');
  return tag?.slice('tag:'.length) ?? null;
}

export function summaryOf(connection: DatabaseSync, query: SummaryQuery): Summary {
  const { by, limit } = query;
  const tag = tagOf(by);
  const source = sourceOf(query, tag);
  const where = seriesWhere(query);
  const names = by.map((_, i) => `g${i}`);
  const groups = by.map((dimension, i) => `${expressionOf(dimension)} AS ${names[i]}, `).join('');
  const times = names.filter((_, i) => by[i] === 'day' || by[i] === 'month');
  const order = [
    ...times,
    'cost_nanos DESC NULLS LAST',
    'ifnull(input_tokens, 0) + ifnull(output_tokens, 0) DESC',
    'requests DESC',
    ...names,
  ];
  const statement = connection.prepare(
    `SELECT ${groups}${tag === null ? SUMS_OF_SUMS : SUMS_LEFT} FROM (${source.sql}) JOIN series s ON s.id = series
     WHERE ${where.sql} ${names.length === 0 ? '' : `GROUP BY ${names.join(', ')}`}
     HAVING ${tag === null ? 'count(*)' : 'sum(requests)'} > 0 ORDER BY ${order.join(', ')} LIMIT ?`,
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
  const [, timeMs, number] = CURSOR.exec(after) ?? [];
  if (timeMs === undefined) throw new Error('after: not a cursor of a page');
  return [Number(timeMs), Number(number)];
}
