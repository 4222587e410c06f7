import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import {
  type AuditDraft,
  type AuditHead,
  type AuditLink,
  type AuditValue,
  type ChainVerdict,
  ChainWalk,
  EMPTY_HEAD,
  linkTo,
} from '../../audit-chain.ts';
import {
  auditedKey,
  judgeKeyChange,
  type KeyChange,
  type KeyRecord,
  type KeyState,
} from '../../key-record.ts';
import type { AuditPage, AuditQuery, KeyChanged, KeyPage, KeyQuery } from '../../register.ts';

type Row = Readonly<Record<string, SQLOutputValue>>;

const LINK = 'SELECT seq, time, payload, prev_hash, hash FROM audit';
const ADD_LINK = 'INSERT INTO audit (seq, time, payload, prev_hash, hash) VALUES (?, ?, ?, ?, ?)';
/** What a change may alter is given again; `last_used_ms` is moved by facts alone. */
const PUT_KEY = `
INSERT INTO keys (jti, name, notes, subject, grant_json, tags_json, issuer, created_by, created_ms, not_before_ms,
  expires_ms, disabled_ms, ends_ms, replaces, replaced_by, touched_ms, switched_ms, revision)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (jti) DO UPDATE SET name = excluded.name, notes = excluded.notes, disabled_ms = excluded.disabled_ms,
  ends_ms = excluded.ends_ms, replaced_by = excluded.replaced_by, touched_ms = excluded.touched_ms,
  switched_ms = excluded.switched_ms, revision = excluded.revision`;
const SWITCHED = `
SELECT * FROM keys WHERE switched_ms IS NOT NULL AND revision > ? AND expires_ms > ? ORDER BY revision LIMIT ?`;
/** As `keyStateOf` has them; `:now` is the moment. */
const STATES: Readonly<Record<KeyState, string>> = {
  expired: 'expires_ms <= :now',
  disabled: 'expires_ms > :now AND disabled_ms IS NOT NULL',
  ended: 'expires_ms > :now AND disabled_ms IS NULL AND ends_ms <= :now',
  ending: 'expires_ms > :now AND disabled_ms IS NULL AND ends_ms > :now',
  active: 'expires_ms > :now AND disabled_ms IS NULL AND ends_ms IS NULL',
};

export function headOf(connection: DatabaseSync): AuditHead {
  const row = connection.prepare('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1').get();
  return row === undefined ? EMPTY_HEAD : { seq: Number(row.seq), hash: String(row.hash) };
}

/** Within a transaction of the caller's, so that no two entries follow the same one. */
export function addLink(connection: DatabaseSync, draft: AuditDraft): AuditHead {
  const { seq, time, payload, prevHash, hash } = linkTo(headOf(connection), draft);
  connection.prepare(ADD_LINK).run(seq, time, payload, prevHash, hash);
  return { seq, hash };
}

export function keyOf(connection: DatabaseSync, jti: string): KeyRecord | null {
  const row = connection.prepare('SELECT * FROM keys WHERE jti = ?').get(jti);
  return row === undefined ? null : recordOf(row);
}

/** Within a transaction of the caller's: the record and the entry that tells of it. */
export function changeKey(
  connection: DatabaseSync,
  jti: string,
  change: KeyChange,
  draft: AuditDraft,
): KeyChanged {
  const before = keyOf(connection, jti);
  const verdict = judgeKeyChange(before, change);
  if ('refused' in verdict) return { ok: false, refused: verdict.refused, record: before };
  const { records } = verdict;
  if (records.length === 0) return { ok: true, isChanged: false, records: [before!] };
  const [, successor] = records;
  const taken = successor === undefined ? null : keyOf(connection, successor.jti);
  if (taken !== null) return { ok: false, refused: 'taken', record: taken };
  const keys: AuditValue = records.map(auditedKey);
  const { seq: revision } = addLink(connection, { ...draft, details: { ...draft.details, keys } });
  for (const record of records) connection.prepare(PUT_KEY).run(...columnsOf(record), revision);
  return { ok: true, isChanged: true, records: records.map(record => ({ ...record, revision })) };
}

function columnsOf(record: KeyRecord): readonly SQLInputValue[] {
  const { jti, name, notes, subject, issuer, createdBy, createdMs, notBeforeMs, expiresMs } = record;
  const { disabledMs, endsMs, replaces, replacedBy, touchedMs, switchedMs } = record;
  const may = [JSON.stringify(record.grant), JSON.stringify(record.tags)];
  const made = [issuer, createdBy, createdMs, notBeforeMs, expiresMs];
  const since = [disabledMs, endsMs, replaces, replacedBy, touchedMs, switchedMs];
  return [jti, name, notes, subject, ...may, ...made, ...since];
}

function recordOf(row: Row): KeyRecord {
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

export function keyPage(connection: DatabaseSync, query: KeyQuery): KeyPage {
  const { subject, state, nowMs, limit, after } = query;
  const parts = ['true'];
  const values: Record<string, SQLInputValue> = { limit: limit + 1 };
  if (subject !== undefined) {
    parts.push('subject = :subject');
    values.subject = subject;
  }
  if (state !== undefined) {
    parts.push(STATES[state]);
    values.now = nowMs;
  }
  if (after !== undefined) {
    parts.push('number < :after');
    values.after = after;
  }
  const rows = connection
    .prepare(`SELECT * FROM keys WHERE ${parts.join(' AND ')} ORDER BY number DESC LIMIT :limit`)
    .all(values);
  const page = rows.slice(0, limit);
  return { keys: page.map(recordOf), next: rows.length > limit ? Number(page.at(-1)!.number) : null };
}

export function switchedKeys(
  connection: DatabaseSync,
  after: number,
  nowMs: number,
  limit: number,
): readonly KeyRecord[] {
  return connection.prepare(SWITCHED).all(after, nowMs, limit).map(recordOf);
}

export function auditPage(connection: DatabaseSync, { limit, after }: AuditQuery): AuditPage {
  if (after === undefined) {
    const last = connection.prepare(`${LINK} ORDER BY seq DESC LIMIT ?`).all(limit);
    return { entries: last.reverse().map(linkOf), next: null };
  }
  const rows = connection.prepare(`${LINK} WHERE seq > ? ORDER BY seq LIMIT ?`).all(after, limit + 1);
  const entries = rows.slice(0, limit).map(linkOf);
  return { entries, next: rows.length > limit ? entries.at(-1)!.seq : null };
}

function linkOf(row: Row): AuditLink {
  return {
    seq: Number(row.seq),
    time: String(row.time),
    payload: String(row.payload),
    prevHash: String(row.prev_hash),
    hash: String(row.hash),
  };
}

/** One statement, so that all it reads is of one moment. */
export function verifyChain(connection: DatabaseSync, expected: AuditHead | null): ChainVerdict {
  const walk = new ChainWalk(expected);
  for (const row of connection.prepare(`${LINK} ORDER BY seq`).iterate()) if (!walk.take(linkOf(row))) break;
  return walk.end();
}
