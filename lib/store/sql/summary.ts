import type { Dimension, Summary, SummaryQuery, SummaryRow } from '../ledger.ts';
import type { Sql, SqlDialect, SqlRow } from './dialect.ts';
import { SERIES_COLUMNS, seriesWhere } from './series.ts';
import {
  DAYS_OF_FACTS,
  NEGATED_SUMS,
  SUM_COLUMNS,
  SUMS_LEFT,
  SUMS_OF_SUMS,
  taggedDaysOfFacts,
} from './sums.ts';
import { type TimePart, timeParts } from './time-parts.ts';

/** Where the sums of a time come from, by series; with a tag's name also by its values. */
function sourceOf({ by, sinceMs = 0, untilMs }: SummaryQuery, tag: string | null, dialect: SqlDialect): Sql {
  const parts = timeParts(sinceMs, untilMs ?? null, by.includes('day'));
  const plain = joined(parts.map(ofAll), `day, series, ${SUM_COLUMNS}`);
  if (tag === null) return plain;
  const tagged = joined(
    parts.map(part => ofTagged(part, tag, dialect)),
    `day, series, name AS tag, ${SUM_COLUMNS}`,
  );
  // What bears no such tag is what is left of all.
  return {
    sql: `SELECT day, series, tag, ${SUM_COLUMNS} FROM (${tagged.sql}) AS borne
      UNION ALL SELECT day, series, NULL, ${SUM_COLUMNS} FROM (${plain.sql}) AS every
      UNION ALL SELECT day, series, NULL, ${NEGATED_SUMS} FROM (${tagged.sql}) AS taken`,
    values: [...tagged.values, ...plain.values, ...tagged.values],
  };
}

function ofAll(part: TimePart): Sql {
  if (part.from === 'facts')
    return { sql: `SELECT * FROM (${DAYS_OF_FACTS}) AS edge`, values: [part.sinceMs, part.untilMs] };
  const sql = `SELECT day, series, ${SUM_COLUMNS} FROM rollup WHERE span = ? AND day >= ? AND day < ?`;
  return { sql, values: [part.from, part.first, part.end] };
}

function ofTagged(part: TimePart, tag: string, dialect: SqlDialect): Sql {
  if (part.from === 'facts') {
    const sql = `SELECT * FROM (${taggedDaysOfFacts(dialect)}) AS edge`;
    return { sql, values: [part.sinceMs, part.untilMs, tag] };
  }
  return {
    sql: `SELECT day, series, t.value AS tag, ${SUM_COLUMNS} FROM tags t JOIN tag_rollup r ON r.tag = t.id
      WHERE t.name = ? AND span = ? AND day >= ? AND day < ?`,
    values: [tag, part.from, part.first, part.end],
  };
}

/** @param columns what no part at all has none of. */
function joined(parts: readonly Sql[], columns: string): Sql {
  if (parts.length === 0)
    return { sql: `SELECT ${columns} FROM rollup, (SELECT NULL AS name) AS empty WHERE false`, values: [] };
  return {
    sql: parts.map(({ sql }) => sql).join(' UNION ALL '),
    values: parts.flatMap(({ values }) => values),
  };
}

function isTag(dimension: Dimension): dimension is `tag:${string}` {
  return dimension.startsWith('tag:');
}

/** @throws where two of the dimensions are tags. */
function tagOf(by: readonly Dimension[]): string | null {
  const [tag, other] = by.filter(isTag);
  if (other !== undefined) throw new Error('a summary is split by one tag at most');
  return tag?.slice('tag:'.length) ?? null;
}

/** Gives one row more than the limit where there are more groups. */
export function summarySql(query: SummaryQuery, dialect: SqlDialect): Sql {
  const { by, limit } = query;
  const tag = tagOf(by);
  const source = sourceOf(query, tag, dialect);
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
  SELECT ${groups}${tag === null ? SUMS_OF_SUMS : SUMS_LEFT} FROM (${source.sql}) AS source JOIN series s ON s.id = source.series
  WHERE ${where.sql} ${names.length === 0 ? '' : `GROUP BY ${names.join(', ')}`}
  HAVING ${tag === null ? 'count(*)' : 'sum(requests)'} > 0
) AS sums ORDER BY ${order.join(', ')} LIMIT ?`,
    values: [...source.values, ...where.values, limit + 1],
  };
}

function expressionOf(dimension: Dimension, { dayText, monthText }: SqlDialect): string {
  if (isTag(dimension)) return 'tag';
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
