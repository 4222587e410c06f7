import type { CursorMark, FactQuery, Ledger, StoreResult, SummaryQuery } from '../../ledger.ts';
import { factPageSql, readFactPage } from '../../sql/fact-page.ts';
import { readSummary, summarySql } from '../../sql/summary.ts';
import { placeOf } from '../../store-url.ts';
import { append } from './appender.ts';
import { Connections, type Mode, type PostgresSettings } from './connections.ts';
import { POSTGRES } from './dialect.ts';
import { problemText } from './fault.ts';
import { NO_REGISTER } from './register.ts';
import type { Session } from './session.ts';
import { asideOf, healthOf, missingOf, rebuildRollup } from './upkeep.ts';

/** A ledger in a database of PostgreSQL, which any number of gateways may share. Each call is one transaction. */
export class PostgresLedger implements Ledger {
  readonly place: string;
  readonly register = NO_REGISTER;
  readonly #url: PostgresSettings['url'];
  readonly #connections: Connections;
  readonly #running = new Set<Promise<unknown>>();
  #closed = false;

  constructor(settings: PostgresSettings) {
    this.place = placeOf(settings.url);
    this.#url = settings.url;
    this.#connections = new Connections(settings);
  }

  append(facts: readonly string[], marks: readonly CursorMark[]) {
    return this.#call('write', session => append(session, facts, marks, Date.now()));
  }

  cursors(sink: string) {
    return this.#call('read', async session => {
      const rows = await session.rows('SELECT place, position FROM cursors WHERE sink = ?', [sink]);
      return new Map(rows.map(row => [String(row.place), Number(row.position)]));
    });
  }

  forget(sink: string, places: readonly string[]) {
    return this.#call('write', async session => {
      await session.rows(
        `DELETE FROM cursors USING (
          SELECT sink, place FROM cursors WHERE sink = ? AND place = ANY(?::text[])
          ORDER BY place FOR UPDATE) AS gone
        WHERE cursors.sink = gone.sink AND cursors.place = gone.place`,
        [sink, places],
      );
      return null;
    });
  }

  summary(query: SummaryQuery) {
    return this.#call('read', async session => {
      const { sql, values } = summarySql(query, POSTGRES);
      return readSummary(await session.rows(sql, values), query);
    });
  }

  facts(query: FactQuery) {
    return this.#call('read', async session => {
      const { sql, values } = factPageSql(query);
      return readFactPage(await session.rows(sql, values), query);
    });
  }

  missing(ids: readonly string[]) {
    return this.#call('read', session => missingOf(session, ids));
  }

  aside(limit: number) {
    return this.#call('read', session => asideOf(session, limit));
  }

  check() {
    return this.#call('longRead', healthOf);
  }

  rebuild() {
    return this.#call('longWrite', async session => {
      await rebuildRollup(session);
      return null;
    });
  }

  #call<T>(mode: Mode, work: (session: Session) => Promise<T>): Promise<StoreResult<T>> {
    if (this.#closed) return Promise.resolve({ ok: false, problem: 'the store is closed' });
    const answer = this.#answer(mode, work);
    this.#running.add(answer);
    void answer.then(() => this.#running.delete(answer));
    return answer;
  }

  async #answer<T>(mode: Mode, work: (session: Session) => Promise<T>): Promise<StoreResult<T>> {
    try {
      return { ok: true, value: await this.#connections.transact(mode, work) };
    } catch (error) {
      return { ok: false, problem: problemText(error, this.#url.reveal()) };
    }
  }

  /** What was asked before is answered first. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await Promise.all(this.#running);
    await this.#connections.close();
  }
}
