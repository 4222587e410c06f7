import { statSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { AuditDraft, AuditHead, ChainVerdict } from '../../audit-chain.ts';
import type { KeyChange, KeyRecord } from '../../key-record.ts';
import type {
  Appended,
  CursorMark,
  FactPage,
  FactQuery,
  Health,
  SetAside,
  Spent,
  SpentQuery,
  Summary,
  SummaryQuery,
} from '../../ledger.ts';
import type { AuditPage, AuditQuery, KeyChanged, KeyPage, KeyQuery } from '../../register.ts';
import { factPageSql, readFactPage } from '../../sql/fact-page.ts';
import { readSpent, spentSql } from '../../sql/spent.ts';
import { readSummary, summarySql } from '../../sql/summary.ts';
import { Appender } from './appender.ts';
import type { Calls, ThreadSettings } from './calls.ts';
import { SQLITE } from './dialect.ts';
import { openFile } from './open-file.ts';
import {
  addLink,
  auditPage,
  changeKey,
  headOf,
  keyOf,
  keyPage,
  switchedKeys,
  verifyChain,
} from './register-table.ts';
import { healthOf, missingOf, rebuildRollup } from './upkeep.ts';

/** The database as its thread uses it. A call throws where SQLite does. */
export class SqliteDatabase implements Calls {
  readonly #connection: DatabaseSync;
  readonly #file: string;
  readonly #inode: number;
  #appender: Appender | null = null;

  constructor(connection: DatabaseSync, file: string) {
    this.#connection = connection;
    this.#file = file;
    this.#inode = statSync(file).ino;
  }

  append(facts: readonly string[], marks: readonly CursorMark[]): Appended {
    this.#checkPlace();
    this.#appender ??= new Appender(this.#connection);
    const appender = this.#appender;
    return this.#atomically(() => appender.append(facts, marks, Date.now()));
  }

  /** What is written to a file that was moved or removed would be written to nobody. */
  #checkPlace(): void {
    if (!this.isInPlace) throw new Error(`${this.#file} was moved or replaced while in use`);
  }

  /** False where the file was moved, removed or replaced. */
  get isInPlace(): boolean {
    return statSync(this.#file, { throwIfNoEntry: false })?.ino === this.#inode;
  }

  #atomically<T>(work: () => T): T {
    this.#connection.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.#connection.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#connection.isTransaction) this.#connection.exec('ROLLBACK');
      throw error;
    }
  }

  cursors(sink: string): ReadonlyMap<string, number> {
    const rows = this.#connection.prepare('SELECT place, position FROM cursors WHERE sink = ?').all(sink);
    return new Map(rows.map(row => [String(row.place), Number(row.position)]));
  }

  forget(sink: string, places: readonly string[]): null {
    const remove = this.#connection.prepare('DELETE FROM cursors WHERE sink = ? AND place = ?');
    this.#atomically(() => {
      for (const place of places) remove.run(sink, place);
    });
    return null;
  }

  summary(query: SummaryQuery): Summary {
    const { sql, values } = summarySql(query, SQLITE);
    const statement = this.#connection.prepare(sql);
    statement.setReadBigInts(true);
    return readSummary(statement.all(...values), query);
  }

  spent(query: SpentQuery): Spent {
    const asked = spentSql(query, SQLITE);
    if (asked === null) return readSpent([]);
    const statement = this.#connection.prepare(asked.sql);
    statement.setReadBigInts(true);
    return readSpent(statement.all(...asked.values));
  }

  facts(query: FactQuery): FactPage {
    const { sql, values } = factPageSql(query);
    return readFactPage(this.#connection.prepare(sql).all(...values), query);
  }

  missing(ids: readonly string[]): readonly string[] {
    return missingOf(this.#connection, ids);
  }

  aside(limit: number): readonly SetAside[] {
    const rows = this.#connection
      .prepare('SELECT reason, id, seen_ms, payload FROM aside ORDER BY seen_ms DESC, id LIMIT ?')
      .all(limit);
    return rows.map(row => ({
      reason: row.reason === 'conflict' ? 'conflict' : 'invalid',
      id: String(row.id),
      seenMs: Number(row.seen_ms),
      text: String(row.payload),
    }));
  }

  check(): Health {
    return healthOf(this.#connection);
  }

  rebuild(): null {
    this.#atomically(() => rebuildRollup(this.#connection));
    return null;
  }

  record(draft: AuditDraft): AuditHead {
    this.#checkPlace();
    return this.#atomically(() => addLink(this.#connection, draft));
  }

  changeKey(jti: string, change: KeyChange, draft: AuditDraft): KeyChanged {
    this.#checkPlace();
    return this.#atomically(() => changeKey(this.#connection, jti, change, draft));
  }

  key(jti: string): KeyRecord | null {
    return keyOf(this.#connection, jti);
  }

  keys(query: KeyQuery): KeyPage {
    return keyPage(this.#connection, query);
  }

  switched(after: number, nowMs: number, limit: number): readonly KeyRecord[] {
    return switchedKeys(this.#connection, after, nowMs, limit);
  }

  audit(query: AuditQuery): AuditPage {
    return auditPage(this.#connection, query);
  }

  auditHead(): AuditHead {
    return headOf(this.#connection);
  }

  verifyAudit(expected: AuditHead | null): ChainVerdict {
    return verifyChain(this.#connection, expected);
  }

  close(): void {
    this.#connection.close();
  }
}

/** @throws where the file cannot be opened, is not ours, or is of another version. */
export function openDatabase(settings: ThreadSettings): SqliteDatabase {
  return new SqliteDatabase(openFile(settings), settings.file);
}
