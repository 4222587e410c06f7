import { type AuditHead, type AuditLink, EMPTY_HEAD } from '../audit-chain.ts';
import type { AuditPage, AuditQuery } from '../register.ts';
import type { Sql, SqlRow, SqlValue } from './dialect.ts';

/** Entries of the chain; an order follows. */
export const LINKS = 'SELECT seq, time, payload, prev_hash, hash FROM audit';

export const HEAD = 'SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1';

/** What the rows of `HEAD` say. */
export function readHead([row]: readonly SqlRow[]): AuditHead {
  return row === undefined ? EMPTY_HEAD : { seq: Number(row.seq), hash: String(row.hash) };
}

export const ADD_LINK = 'INSERT INTO audit (seq, time, payload, prev_hash, hash) VALUES (?, ?, ?, ?, ?)';

export function linkValues({ seq, time, payload, prevHash, hash }: AuditLink): readonly SqlValue[] {
  return [seq, time, payload, prevHash, hash];
}

export function linkOf(row: SqlRow): AuditLink {
  return {
    seq: Number(row.seq),
    time: String(row.time),
    payload: String(row.payload),
    prevHash: String(row.prev_hash),
    hash: String(row.hash),
  };
}

/** Gives one row more than the limit where there is another page. */
export function auditPageSql({ limit, after }: AuditQuery): Sql {
  return after === undefined
    ? { sql: `${LINKS} ORDER BY seq DESC LIMIT ?`, values: [limit] }
    : { sql: `${LINKS} WHERE seq > ? ORDER BY seq LIMIT ?`, values: [after, limit + 1] };
}

/** What the rows of `auditPageSql` say. */
export function readAuditPage(rows: readonly SqlRow[], { limit, after }: AuditQuery): AuditPage {
  const entries = rows.slice(0, limit).map(linkOf);
  if (after === undefined) return { entries: entries.reverse(), next: null };
  return { entries, next: rows.length > limit ? entries.at(-1)!.seq : null };
}
