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
import type { AuditQuery, KeyChanged, KeyQuery, Register } from '../../register.ts';
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
import type { Call, Work } from './connections.ts';
import type { Session } from './session.ts';

/**
 * One who writes to the chain keeps all others waiting until its transaction has
 * ended, so that each entry follows the one before. Two numbers are apart from
 * the one under which the schema is changed: WEIR, and the chain.
 */
const LOCK_CHAIN = 'SELECT pg_advisory_xact_lock(1464158546, 1)';
/** Entries that a walk along the chain holds at a time. */
const WALK_ENTRIES = 500;

/** What a transaction wrote to the chain, and what is answered for it. */
interface Written<T> {
  readonly answer: T;
  readonly link: AuditLink | null;
}

/** Keys on record and the chain in the database that a ledger uses. */
export class PostgresRegister implements Register {
  readonly #call: Call;

  constructor(call: Call) {
    this.#call = call;
  }

  record(draft: AuditDraft) {
    return this.#write<AuditHead>(async session => {
      const link = linkTo(await headOf(session), draft);
      await session.rows(ADD_LINK, linkValues(link));
      return { answer: { seq: link.seq, hash: link.hash }, link };
    });
  }

  changeKey(jti: string, change: KeyChange, draft: AuditDraft) {
    return this.#write<KeyChanged>(async session => {
      const younger = successorOf(change);
      const ground = {
        record: await keyOf(session, jti),
        successor: younger === null ? null : await keyOf(session, younger),
        head: await headOf(session),
      };
      const { answer, write } = planKeyChange(ground, change, draft);
      if (write === null) return { answer, link: null };
      await session.rows(ADD_LINK, linkValues(write.link));
      for (const record of write.records) await session.rows(PUT_KEY, keyValues(record));
      return { answer, link: write.link };
    });
  }

  async #write<T>(work: Work<Written<T>>) {
    const locked: Work<Written<T>> = async session => {
      await session.rows(LOCK_CHAIN);
      return work(session);
    };
    const result = await this.#call('write', locked, isThere);
    return result.ok ? { ok: true as const, value: result.value.answer } : result;
  }

  key(jti: string) {
    return this.#call('read', session => keyOf(session, jti));
  }

  keys(query: KeyQuery) {
    return this.#call('read', async session => {
      const { sql, values } = keyPageSql(query);
      return readKeyPage(await session.rows(sql, values), query);
    });
  }

  switched(after: number, nowMs: number, limit: number) {
    return this.#call('read', async session =>
      (await session.rows(SWITCHED, [after, nowMs, limit])).map(keyRecordOf),
    );
  }

  audit(query: AuditQuery) {
    return this.#call('read', async session => {
      const { sql, values } = auditPageSql(query);
      return readAuditPage(await session.rows(sql, values), query);
    });
  }

  auditHead() {
    return this.#call('read', headOf);
  }

  verifyAudit(expected: AuditHead | null) {
    return this.#call('longRead', session => walkChain(session, expected));
  }
}

async function headOf(session: Session): Promise<AuditHead> {
  return readHead(await session.rows(HEAD));
}

async function keyOf(session: Session, jti: string): Promise<KeyRecord | null> {
  const [row] = await session.rows(KEY, [jti]);
  return row === undefined ? null : keyRecordOf(row);
}

/**
 * Whether what was written did stay, after an answer to COMMIT that got lost. A
 * server that is still about it keeps the lock until then. No other entry has
 * the hash of this one: it covers all that led to it.
 */
async function isThere(session: Session, { link }: Written<unknown>): Promise<boolean> {
  if (link === null) return true;
  await session.rows(LOCK_CHAIN);
  const found = await session.rows('SELECT FROM audit WHERE seq = ? AND hash = ?', [link.seq, link.hash]);
  return found.length === 1;
}

/** Page by page, all of one moment. */
async function walkChain(session: Session, expected: AuditHead | null): Promise<ChainVerdict> {
  const walk = new ChainWalk(expected);
  await session.run(`DECLARE walk NO SCROLL CURSOR FOR ${LINKS} ORDER BY seq`);
  for (;;) {
    const rows = await session.rows(`FETCH ${WALK_ENTRIES} FROM walk`);
    if (!rows.every(row => walk.take(linkOf(row))) || rows.length < WALK_ENTRIES) return walk.end();
  }
}
