import type { DatabaseSync } from 'node:sqlite';
import type { Health, IdSpan } from '../../ledger.ts';
import { ROLLUP_COLUMNS, rollupOf, wrongSums } from '../../sql/sums.ts';
import { SQLITE } from './dialect.ts';

/** The digits at its end are an id's number, what stands before them its source. */
const SPANS = `
SELECT source, min(number) AS first, max(number) AS last, count(*) AS facts
FROM (SELECT rtrim(id, '0123456789') AS source,
  CAST(substr(id, length(rtrim(id, '0123456789')) + 1) AS INTEGER) AS number FROM facts)
GROUP BY source ORDER BY source`;

export function missingOf(connection: DatabaseSync, ids: readonly string[]): readonly string[] {
  const has = connection.prepare('SELECT 1 FROM facts WHERE id = ?');
  return ids.filter(id => has.get(id) === undefined);
}

export function rebuildRollup(connection: DatabaseSync): void {
  connection.exec('DELETE FROM rollup');
  connection.exec(`INSERT INTO rollup (${ROLLUP_COLUMNS}) ${rollupOf('facts', SQLITE)}`);
}

/** One transaction, so that facts and sums are of one moment. */
export function healthOf(connection: DatabaseSync): Health {
  connection.exec('BEGIN');
  try {
    return {
      facts: count(connection, 'SELECT count(*) AS n FROM facts'),
      conflicts: count(connection, "SELECT count(*) AS n FROM aside WHERE reason = 'conflict'"),
      invalid: count(connection, "SELECT count(*) AS n FROM aside WHERE reason = 'invalid'"),
      wrongSums: count(connection, `SELECT count(*) AS n FROM (${wrongSums(SQLITE)})`),
      spans: spansOf(connection),
    };
  } finally {
    connection.exec('COMMIT');
  }
}

function count(connection: DatabaseSync, sql: string): number {
  return Number(connection.prepare(sql).get()!.n);
}

function spansOf(connection: DatabaseSync): readonly IdSpan[] {
  return connection
    .prepare(SPANS)
    .all()
    .map(row => ({
      source: String(row.source),
      first: Number(row.first),
      last: Number(row.last),
      facts: Number(row.facts),
    }));
}
