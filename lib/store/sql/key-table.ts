import type { KeyRecord, KeyState } from '../key-record.ts';
import type { KeyPage, KeyQuery } from '../register.ts';
import type { Sql, SqlRow, SqlValue } from './dialect.ts';

export const KEY = 'SELECT * FROM keys WHERE jti = ?';

/** What a change may alter is given again; `last_used_ms` is moved by facts alone. */
export const PUT_KEY = `
INSERT INTO keys (jti, name, notes, subject, grant_json, tags_json, issuer, created_by, created_ms, not_before_ms,
  expires_ms, disabled_ms, ends_ms, replaces, replaced_by, touched_ms, switched_ms, revision)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (jti) DO UPDATE SET name = excluded.name, notes = excluded.notes, disabled_ms = excluded.disabled_ms,
  ends_ms = excluded.ends_ms, replaced_by = excluded.replaced_by, touched_ms = excluded.touched_ms,
  switched_ms = excluded.switched_ms, revision = excluded.revision`;

export function keyValues(record: KeyRecord): readonly SqlValue[] {
  const { jti, name, notes, subject, issuer, createdBy, createdMs, notBeforeMs, expiresMs } = record;
  const { disabledMs, endsMs, replaces, replacedBy, touchedMs, switchedMs, revision } = record;
  const may = [JSON.stringify(record.grant), JSON.stringify(record.tags)];
  const made = [issuer, createdBy, createdMs, notBeforeMs, expiresMs];
  const since = [disabledMs, endsMs, replaces, replacedBy, touchedMs, switchedMs, revision];
  return [jti, name, notes, subject, ...may, ...made, ...since];
}

export function keyRecordOf(row: SqlRow): KeyRecord {
  const text = (column: string): string | null => (row[column] === null ? null : String(row[column]));
  const atMs = (column: string): number | null => (row[column] === null ? null : Number(row[column]));
  return {
    jti: String(row.jti),
    name: text('name'),
    notes: text('notes'),
    subject: String(row.subject),
    grant: JSON.parse(String(row.grant_json)) as KeyRecord['grant'],
    tags: JSON.parse(String(row.tags_json)) as KeyRecord['tags'],
    issuer: String(row.issuer),
    createdBy: String(row.created_by),
    createdMs: Number(row.created_ms),
    notBeforeMs: atMs('not_before_ms'),
    expiresMs: Number(row.expires_ms),
    disabledMs: atMs('disabled_ms'),
    endsMs: atMs('ends_ms'),
    replaces: text('replaces'),
    replacedBy: text('replaced_by'),
    lastUsedMs: atMs('last_used_ms'),
    touchedMs: atMs('touched_ms'),
    switchedMs: atMs('switched_ms'),
    revision: Number(row.revision),
  };
}

/** Keys that were ever switched: behind a revision, not expired at a moment, at most so many. */
export const SWITCHED = `
SELECT * FROM keys WHERE switched_ms IS NOT NULL AND revision > ? AND expires_ms > ? ORDER BY revision LIMIT ?`;

/** As `keyStateOf` has them; each question mark is the moment meant. */
const STATES: Readonly<Record<KeyState, string>> = {
  expired: 'expires_ms <= ?',
  disabled: 'expires_ms > ? AND disabled_ms IS NOT NULL',
  ended: 'expires_ms > ? AND disabled_ms IS NULL AND ends_ms <= ?',
  ending: 'expires_ms > ? AND disabled_ms IS NULL AND ends_ms > ?',
  active: 'expires_ms > ? AND disabled_ms IS NULL AND ends_ms IS NULL',
};

/** Gives one row more than the limit where there is another page. */
export function keyPageSql({ subject, state, nowMs, limit, after }: KeyQuery): Sql {
  const parts = ['true'];
  const values: SqlValue[] = [];
  if (subject !== undefined) {
    parts.push('subject = ?');
    values.push(subject);
  }
  if (state !== undefined) {
    parts.push(STATES[state]);
    values.push(...Array(STATES[state].split('?').length - 1).fill(nowMs));
  }
  if (after !== undefined) {
    parts.push('number < ?');
    values.push(after);
  }
  return {
    sql: `SELECT * FROM keys WHERE ${parts.join(' AND ')} ORDER BY number DESC LIMIT ?`,
    values: [...values, limit + 1],
  };
}

/** What the rows of `keyPageSql` say. */
export function readKeyPage(rows: readonly SqlRow[], { limit }: KeyQuery): KeyPage {
  const page = rows.slice(0, limit);
  return { keys: page.map(keyRecordOf), next: rows.length > limit ? Number(page.at(-1)!.number) : null };
}
