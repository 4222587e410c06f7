import type { Spent, SpentQuery, SpentScope } from '../ledger.ts';
import type { Sql, SqlDialect, SqlRow } from './dialect.ts';
import { CHARGED_OF_FACTS, CHARGED_SUMS } from './sums.ts';
import { type TimePart, timeParts } from './time-parts.ts';

const SERIES_COLUMN = { key: 'key_id', subject: 'subject', provider: 'provider' } as const;
const REQUESTS = "SELECT id FROM series WHERE kind = 'request'";
const NOTHING: Spent = Object.freeze({ requests: 0, tokens: 0, costNanos: 0n });

/**
 * What was charged within a scope; null where the time has no length. Each part
 * reads the sums of that scope's series alone, so that a budget of one key costs
 * the same however many keys there are.
 */
export function spentSql(query: SpentQuery, dialect: SqlDialect): Sql | null {
  const { scope, sinceMs, untilMs, except } = query;
  const parts = timeParts(sinceMs, untilMs, false).map(part => partOf(scope, part, dialect));
  if (parts.length === 0) return null;
  if (except.length > 0) parts.push(withoutThese(except, dialect));
  return {
    sql: `SELECT ${CHARGED_SUMS} FROM (${parts.map(({ sql }) => sql).join(' UNION ALL ')}) AS parts`,
    values: parts.flatMap(({ values }) => values),
  };
}

/** What the row of `spentSql` says. */
export function readSpent([row]: readonly SqlRow[]): Spent {
  if (row === undefined) return NOTHING;
  return {
    requests: Number(row.charged_requests ?? 0),
    tokens: Number(row.charged_tokens ?? 0),
    // Money may pass what a double holds exactly.
    costNanos: BigInt((row.charged_nanos as bigint | string | null) ?? 0),
  };
}

function partOf(scope: SpentScope, part: TimePart, dialect: SqlDialect): Sql {
  const own = seriesOf(scope, dialect);
  if (part.from === 'facts') {
    const tagged: Sql =
      scope.of === 'tag'
        ? { sql: ` AND ${dialect.factBearsTag}`, values: [scope.tag, scope.is] }
        : { sql: '', values: [] };
    return {
      sql: `SELECT ${CHARGED_OF_FACTS} FROM facts WHERE time_ms >= ? AND time_ms < ? AND ${own.sql}${tagged.sql}`,
      values: [part.sinceMs, part.untilMs, ...own.values, ...tagged.values],
    };
  }
  const tag: Sql =
    scope.of === 'tag'
      ? {
          sql: ' AND tag = (SELECT id FROM tags WHERE name = ? AND value = ?)',
          values: [scope.tag, scope.is],
        }
      : { sql: '', values: [] };
  return {
    sql: `SELECT ${CHARGED_SUMS} FROM ${tableOf(scope, dialect)}
      WHERE span = ? AND day >= ? AND day < ? AND ${own.sql}${tag.sql}`,
    values: [part.from, part.first, part.end, ...own.values, ...tag.values],
  };
}

function hasFewSeries({ of }: SpentScope): boolean {
  return of === 'key' || of === 'subject';
}

function tableOf(scope: SpentScope, { rollupOfFewSeries }: SqlDialect): string {
  if (scope.of === 'tag') return 'tag_rollup';
  return hasFewSeries(scope) ? rollupOfFewSeries : 'rollup';
}

function seriesOf(scope: SpentScope, { ofFewSeries }: SqlDialect): Sql {
  if (scope.of === 'all' || scope.of === 'tag') return { sql: `series IN (${REQUESTS})`, values: [] };
  const own = `${REQUESTS} AND ${SERIES_COLUMN[scope.of]} = ?`;
  return { sql: hasFewSeries(scope) ? ofFewSeries(own) : `series IN (${own})`, values: [scope.is] };
}

/** What the store has of these facts, to be taken away. */
function withoutThese(ids: readonly string[], { listed }: SqlDialect): Sql {
  return {
    sql: `SELECT -charged_requests, -charged_tokens, -charged_nanos FROM (
      SELECT ${CHARGED_OF_FACTS} FROM facts WHERE id IN (${listed})) AS taken`,
    values: [JSON.stringify(ids)],
  };
}
