import type { CursorMark, FactQuery, Ledger, SpentQuery, StoreResult, SummaryQuery } from '../../ledger.ts';
import type { Register } from '../../register.ts';
import { type CallName, type Calls, isLongRead, type ThreadSettings } from './calls.ts';
import { ThreadCaller } from './thread-caller.ts';

/**
 * A ledger in a SQLite file. The database lives in threads of its own, since
 * each of its calls blocks: one that writes, and one for what may read for
 * seconds, so that neither facts nor an admin's change wait for a summary.
 */
export class SqliteLedger implements Ledger {
  readonly place: string;
  readonly register: Register;
  readonly #writer: ThreadCaller;
  /** Begun with its first call. */
  readonly #reader: ThreadCaller;

  constructor(settings: ThreadSettings) {
    this.#writer = new ThreadCaller(settings);
    this.#reader = settings.readOnly ? this.#writer : new ThreadCaller(settings);
    this.place = `sqlite:${settings.file}`;
    this.register = {
      record: draft => this.#call('record', draft),
      changeKey: (jti, change, draft) => this.#call('changeKey', jti, change, draft),
      key: jti => this.#call('key', jti),
      keys: query => this.#call('keys', query),
      switched: (after, nowMs, limit) => this.#call('switched', after, nowMs, limit),
      audit: query => this.#call('audit', query),
      auditHead: () => this.#call('auditHead'),
      verifyAudit: expected => this.#call('verifyAudit', expected),
    };
  }

  append(facts: readonly string[], marks: readonly CursorMark[]) {
    return this.#call('append', facts, marks);
  }

  cursors(sink: string) {
    return this.#call('cursors', sink);
  }

  forget(sink: string, places: readonly string[]) {
    return this.#call('forget', sink, places);
  }

  summary(query: SummaryQuery) {
    return this.#call('summary', query);
  }

  spent(query: SpentQuery) {
    return this.#call('spent', query);
  }

  facts(query: FactQuery) {
    return this.#call('facts', query);
  }

  missing(ids: readonly string[]) {
    return this.#call('missing', ids);
  }

  aside(limit: number) {
    return this.#call('aside', limit);
  }

  check() {
    return this.#call('check');
  }

  rebuild() {
    return this.#call('rebuild');
  }

  #call<K extends CallName>(
    name: K,
    ...args: Parameters<Calls[K]>
  ): Promise<StoreResult<ReturnType<Calls[K]>>> {
    return (isLongRead(name) ? this.#reader : this.#writer).call(name, ...args);
  }

  /** What was asked before is answered first. */
  async close(): Promise<void> {
    await Promise.all([this.#writer.close(), this.#reader.close()]);
  }
}
