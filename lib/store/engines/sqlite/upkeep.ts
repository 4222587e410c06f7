import type { DatabaseSync } from 'node:sqlite';
import type { Health, IdSpan } from '../../ledger.ts';
import { ROLLUP_COLUMNS, ROLLUP_OF_FACTS } from './sums.ts';

const KEPT = `SELECT ${ROLLUP_COLUMNS} FROM rollup`;
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
  connection.exec(`INSERT INTO rollup (${ROLLUP_COLUMNS}) ${ROLLUP_OF_FACTS}`);
}

/** One transaction, so that facts and sums are of one moment. */
export function healthOf(connection: DatabaseSync): Health {
  connection.exec('BEGIN');
  try {
    return {
      facts: count(connection, 'SELECT count(*) AS n FROM facts'),
      conflicts: count(connection, "SELECT count(*) AS n FROM aside WHERE reason = 'conflict'"),
      invalid: count(connection, "SELECT count(*) AS n FROM aside WHERE reason = 'invalid'"),
      wrongSums: count(connection, `SELECT count(*) AS n FROM (${DIFFERENT})`),
      spans: spansOf(connection),
    };
  } finally {
    connection.exec('COMMIT');
  }
}

/** Rows that one side has and the other has not, each span and series once. */
const DIFFERENT = `
WITH kept AS MATERIALIZED (${KEPT}), made AS MATERIALIZED (${ROLLUP_OF_FACTS})
SELECT DISTINCT span, day, series FROM (
  SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made)
  UNION ALL SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept))`;

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
