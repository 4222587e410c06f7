import type { Health, IdSpan, SetAside } from '../../ledger.ts';
import {
  ROLLUP_COLUMNS,
  rollupOf,
  TAG_ROLLUP_COLUMNS,
  tagRollupOf,
  wrongSums,
  wrongTagSums,
} from '../../sql/sums.ts';
import { POSTGRES } from './dialect.ts';
import type { Session } from './session.ts';

/** The digits at its end are an id's number, what stands before them its source. */
const SPANS = `
SELECT source, min(number) AS first, max(number) AS last, count(*) AS facts FROM (
  SELECT source, coalesce(CAST(nullif(substr(id, length(source) + 1), '') AS numeric), 0) AS number
  FROM (SELECT id, rtrim(id, '0123456789') AS source FROM facts) AS ids) AS numbers
GROUP BY source ORDER BY source COLLATE "C"`;

export async function missingOf(session: Session, ids: readonly string[]): Promise<readonly string[]> {
  const rows = await session.rows('SELECT id FROM facts WHERE id = ANY(?::text[])', [ids]);
  const known = new Set(rows.map(({ id }) => id));
  return ids.filter(id => !known.has(id));
}

export async function asideOf(session: Session, limit: number): Promise<readonly SetAside[]> {
  const rows = await session.rows(
    'SELECT reason, id, seen_ms, payload FROM aside ORDER BY seen_ms DESC, id LIMIT ?',
    [limit],
  );
  return rows.map(row => ({
    reason: row.reason === 'conflict' ? 'conflict' : 'invalid',
    id: String(row.id),
    seenMs: Number(row.seen_ms),
    text: String(row.payload),
  }));
}

/** Facts that come meanwhile wait with their sums; those that are under way are waited for. */
export async function rebuildRollup(session: Session): Promise<void> {
  await session.run('LOCK TABLE rollup, tag_rollup IN SHARE ROW EXCLUSIVE MODE');
  await session.run('DELETE FROM rollup; DELETE FROM tag_rollup');
  await session.run(`INSERT INTO rollup (${ROLLUP_COLUMNS}) ${rollupOf('facts', POSTGRES)}`);
  await session.run(`INSERT INTO tag_rollup (${TAG_ROLLUP_COLUMNS}) ${tagRollupOf(POSTGRES)}`);
}

/** In a transaction that sees one moment, so that facts and sums belong together. */
export async function healthOf(session: Session): Promise<Health> {
  return {
    facts: await count(session, 'facts'),
    conflicts: await count(session, "aside WHERE reason = 'conflict'"),
    invalid: await count(session, "aside WHERE reason = 'invalid'"),
    wrongSums:
      (await count(session, `(${wrongSums(POSTGRES)}) AS wrong`)) +
      (await count(session, `(${wrongTagSums(POSTGRES)}) AS wrong`)),
    spans: await spansOf(session),
  };
}

async function count(session: Session, what: string): Promise<number> {
  const [row] = await session.rows(`SELECT count(*) AS n FROM ${what}`);
  return Number(row!.n);
}

async function spansOf(session: Session): Promise<readonly IdSpan[]> {
  const rows = await session.rows(SPANS);
  return rows.map(row => ({
    source: String(row.source),
    first: Number(row.first),
    last: Number(row.last),
    facts: Number(row.facts),
  }));
}
