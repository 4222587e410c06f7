import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import type { Spent, SpentQuery, SpentScope } from '../../ledger.ts';
import { CHARGED_OF_FACTS, CHARGED_SUMS } from '../../sql/sums.ts';
import { type TimePart, timeParts } from '../../sql/time-parts.ts';

/** SQL and the values of its question marks. */
interface Part {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

const SERIES_COLUMN = { key: 'key_id', subject: 'subject', provider: 'provider' } as const;
/** One key, one subject has few series among all of a day: without a word SQLite may read the days whole. */
const TABLES: Readonly<Record<SpentScope['of'], string>> = {
  all: 'rollup',
  provider: 'rollup',
  key: 'rollup INDEXED BY rollup_by_series',
  subject: 'rollup INDEXED BY rollup_by_series',
  tag: 'tag_rollup',
};
const REQUESTS = "SELECT id FROM series WHERE kind = 'request'";

/**
 * What was charged within a scope. Each part reads the sums of that scope's
 * series alone, so that a budget of one key costs the same however many keys
 * there are.
 */
export function spentOf(connection: DatabaseSync, query: SpentQuery): Spent {
  const { scope, sinceMs, untilMs, except } = query;
  const parts = timeParts(sinceMs, untilMs, false).map(part => partOf(scope, part));
  if (except.length > 0) parts.push(withoutThese(except));
  if (parts.length === 0) return { requests: 0, tokens: 0, costNanos: 0n };
  const statement = connection.prepare(
    `SELECT ${CHARGED_SUMS} FROM (${parts.map(({ sql }) => sql).join(' UNION ALL ')})`,
  );
  // Money may pass what a double holds exactly.
  statement.setReadBigInts(true);
  const row = statement.get(...parts.flatMap(({ values }) => values))!;
  return {
    requests: Number(row.charged_requests ?? 0),
    tokens: Number(row.charged_tokens ?? 0),
    costNanos: (row.charged_nanos as bigint | null) ?? 0n,
  };
}

function partOf(scope: SpentScope, part: TimePart): Part {
  const own = seriesOf(scope);
  if (part.from === 'facts') {
    const tagged = scope.of === 'tag' ? bears(scope) : { sql: '', values: [] };
    return {
      sql: `SELECT ${CHARGED_OF_FACTS} FROM facts
        WHERE time_ms >= ? AND time_ms < ? AND series IN (${own.sql})${tagged.sql}`,
      values: [part.sinceMs, part.untilMs, ...own.values, ...tagged.values],
    };
  }
  const tag = scope.of === 'tag' ? ' AND tag = (SELECT id FROM tags WHERE name = ? AND value = ?)' : '';
  return {
    sql: `SELECT ${CHARGED_SUMS} FROM ${TABLES[scope.of]}
      WHERE span = ? AND day >= ? AND day < ? AND series IN (${own.sql})${tag}`,
    values: [
      part.from,
      part.first,
      part.end,
      ...own.values,
      ...(scope.of === 'tag' ? [scope.tag, scope.is] : []),
    ],
  };
}

function seriesOf(scope: SpentScope): Part {
  if (scope.of === 'all' || scope.of === 'tag') return { sql: REQUESTS, values: [] };
  return { sql: `${REQUESTS} AND ${SERIES_COLUMN[scope.of]} = ?`, values: [scope.is] };
}

function bears({ tag, is }: { readonly tag: string; readonly is: string }): Part {
  return {
    sql: " AND EXISTS (SELECT 1 FROM json_each(payload, '$.tags') j WHERE j.key = ? AND j.value = ?)",
    values: [tag, is],
  };
}

/** What the store has of these facts, to be taken away. */
function withoutThese(ids: readonly string[]): Part {
  return {
    sql: `SELECT -charged_requests, -charged_tokens, -charged_nanos FROM (
      SELECT ${CHARGED_OF_FACTS} FROM facts WHERE id IN (SELECT value FROM json_each(?)))`,
    values: [JSON.stringify(ids)],
  };
}
