import type { DatabaseSync } from 'node:sqlite';
import {
  type AuditDraft,
  type AuditHead,
  type AuditLink,
  type ChainVerdict,
  ChainWalk,
  linkTo,
} from '../../audit-chain.ts';
import { planKeyChange, successorOf } from '../../key-change-plan.ts';
import type { KeyChange, KeyRecord } from '../../key-record.ts';
import type { AuditPage, AuditQuery, KeyChanged, KeyPage, KeyQuery } from '../../register.ts';
import {
  ADD_LINK,
  auditPageSql,
  HEAD,
  LINKS,
  linkOf,
  linkValues,
  readAuditPage,
  readHead,
} from '../../sql/audit-table.ts';
import {
  KEY,
  keyPageSql,
  keyRecordOf,
  keyValues,
  PUT_KEY,
  readKeyPage,
  SWITCHED,
} from '../../sql/key-table.ts';

export function headOf(connection: DatabaseSync): AuditHead {
  return readHead(connection.prepare(HEAD).all());
}

/** Within a transaction of the caller's, so that no two entries follow the same one. */
export function addLink(connection: DatabaseSync, draft: AuditDraft): AuditHead {
  return putLink(connection, linkTo(headOf(connection), draft));
}

function putLink(connection: DatabaseSync, link: AuditLink): AuditHead {
  connection.prepare(ADD_LINK).run(...linkValues(link));
  return { seq: link.seq, hash: link.hash };
}

export function keyOf(connection: DatabaseSync, jti: string): KeyRecord | null {
  const row = connection.prepare(KEY).get(jti);
  return row === undefined ? null : keyRecordOf(row);
}

/** Within a transaction of the caller's: the record and the entry that tells of it. */
export function changeKey(
  connection: DatabaseSync,
  jti: string,
  change: KeyChange,
  draft: AuditDraft,
): KeyChanged {
  const younger = successorOf(change);
  const ground = {
    record: keyOf(connection, jti),
    successor: younger === null ? null : keyOf(connection, younger),
    head: headOf(connection),
  };
  const { answer, write } = planKeyChange(ground, change, draft);
  if (write !== null) {
    putLink(connection, write.link);
    for (const record of write.records) connection.prepare(PUT_KEY).run(...keyValues(record));
  }
  return answer;
}

export function keyPage(connection: DatabaseSync, query: KeyQuery): KeyPage {
  const { sql, values } = keyPageSql(query);
  return readKeyPage(connection.prepare(sql).all(...values), query);
}

export function switchedKeys(
  connection: DatabaseSync,
  after: number,
  nowMs: number,
  limit: number,
): readonly KeyRecord[] {
  return connection.prepare(SWITCHED).all(after, nowMs, limit).map(keyRecordOf);
}

export function auditPage(connection: DatabaseSync, query: AuditQuery): AuditPage {
  const { sql, values } = auditPageSql(query);
  return readAuditPage(connection.prepare(sql).all(...values), query);
}

/** One statement, so that all it reads is of one moment. */
export function verifyChain(connection: DatabaseSync, expected: AuditHead | null): ChainVerdict {
  const walk = new ChainWalk(expected);
  for (const row of connection.prepare(`${LINKS} ORDER BY seq`).iterate()) if (!walk.take(linkOf(row))) break;
  return walk.end();
}
