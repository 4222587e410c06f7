import type {
  Appended,
  CursorMark,
  FactQuery,
  Ledger,
  Spent,
  SpentQuery,
  StoreResult,
  SummaryQuery,
} from '../../ledger.ts';
import { factPageSql, readFactPage } from '../../sql/fact-page.ts';
import { readSpent, spentSql } from '../../sql/spent.ts';
import { readSummary, summarySql } from '../../sql/summary.ts';
import { placeOf } from '../../store-url.ts';
import { append } from './appender.ts';
import { readBatch } from './batch.ts';
import { Connections, type LookUp, type Mode, type PostgresSettings, type Work } from './connections.ts';
import { POSTGRES } from './dialect.ts';
import { problemText, Unsure } from './fault.ts';
import { PostgresRegister } from './register.ts';
import { Turns } from './turns.ts';
import { asideOf, healthOf, missingOf, rebuildRollup } from './upkeep.ts';

/** A ledger in a database of PostgreSQL, which any number of gateways may share. Each call is one transaction. */
export class PostgresLedger implements Ledger {
  readonly place: string;
  readonly register = new PostgresRegister((...call) => this.#call(...call));
  readonly #url: PostgresSettings['url'];
  readonly #connections: Connections;
  readonly #running = new Set<Promise<unknown>>();
  readonly #turns = new Turns<'append' | 'spent'>();
  #closed = false;

  constructor(settings: PostgresSettings) {
    this.place = placeOf(settings.url);
    this.#url = settings.url;
    this.#connections = new Connections(settings);
  }

  append(facts: readonly string[], marks: readonly CursorMark[]) {
    const bring = async (): Promise<StoreResult<Appended>> => {
      const batch = await readBatch(facts);
      return this.#answer('write', session => append(session, batch, marks, Date.now()));
    };
    return this.#tracked(() => this.#turns.take('append', bring));
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

  spent(query: SpentQuery) {
    const work: Work<Spent> = async session => {
      const asked = spentSql(query, POSTGRES);
      return readSpent(asked === null ? [] : await session.rows(asked.sql, asked.values));
    };
    return this.#tracked(() => this.#turns.take('spent', () => this.#answer('read', work)));
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

  #call<T>(mode: Mode, work: Work<T>, lookUp?: LookUp<T>): Promise<StoreResult<T>> {
    return this.#tracked(() => this.#answer(mode, work, lookUp));
  }

  #tracked<T>(ask: () => Promise<StoreResult<T>>): Promise<StoreResult<T>> {
    if (this.#closed) return Promise.resolve({ ok: false, problem: 'the store is closed' });
    const answer = ask();
    this.#running.add(answer);
    void answer.then(() => this.#running.delete(answer));
    return answer;
  }

  async #answer<T>(mode: Mode, work: Work<T>, lookUp?: LookUp<T>): Promise<StoreResult<T>> {
    try {
      return { ok: true, value: await this.#connections.transact(mode, work, lookUp) };
    } catch (error) {
      const problem = problemText(error, this.#url.reveal());
      return error instanceof Unsure ? { ok: false, problem, mayBeDone: true } : { ok: false, problem };
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
