import type { Clock } from '../../base/index.ts';
import { type BookRow, DenyBook, type DenySource } from './deny-book.ts';
import { DenyTable } from './deny-table.ts';
import type { DenyKind } from './entry.ts';
import { Fingerprinter, type Named } from './fingerprinter.ts';
import { isTurnDue, turn } from './pacing.ts';
import { type DenyTerms, isOver, stricter } from './terms.ts';

/** An entry and who holds it. */
export interface HeldEntry extends BookRow {
  readonly book: DenyBook;
}

/**
 * Everything that is denied: the books of all sources in the main thread, and
 * their union in the shared table, where requests look. A change is in the
 * table when the call returns. Lives through reloads.
 */
export class DenySet {
  readonly prints = new Fingerprinter();
  /** The gateway's own entries. */
  readonly local = new DenyBook('local');
  readonly #clock: Clock;
  #books: readonly DenyBook[] = [this.local];
  #tables: readonly DenyTable[] = [];
  readonly #onDenied = new Set<() => void>();
  readonly #onChanged = new Set<() => void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get books(): readonly DenyBook[] {
    return this.#books;
  }

  /** Entries of all books of a source; what two books hold counts twice. */
  count(source: DenySource): number {
    return this.#books.reduce((sum, book) => sum + (book.source === source ? book.size : 0), 0);
  }

  addBook(source: DenySource): DenyBook {
    const book = new DenyBook(source);
    this.#books = [...this.#books, book];
    return book;
  }

  /** Everything of the book is no longer denied by it. */
  async dropBook(book: DenyBook): Promise<void> {
    this.#books = this.#books.filter(other => other !== book);
    await this.#refreshAll(book);
  }

  /** Puts an entry into a book that may hold it already: what both deny stays denied. */
  putStricter(book: DenyBook, named: Named, terms: DenyTerms, nowMs: number): void {
    const held = this.held(book, named)?.terms ?? null;
    const both = held === null || isOver(held, nowMs) ? terms : stricter(held, terms);
    this.put(book, named, both, 0);
  }

  /** Everything of a book is also denied by another. Gives how many came. */
  async copyBook(from: DenyBook, to: DenyBook): Promise<number> {
    const nowMs = this.#clock.wallMs();
    let count = 0;
    for (let row = 0; row < from.top; row++) {
      const named = namedAt(from, row);
      if (named !== null) {
        this.putStricter(to, named, from.termsAt(row), nowMs);
        count++;
      }
      if (isTurnDue(row)) await turn();
    }
    return count;
  }

  /** Makes a table of another size, which from then on holds the same as the one there is. */
  async addTable(maxEntries: number): Promise<DenyTable> {
    const table = new DenyTable(maxEntries);
    this.#tables = [...this.#tables, table];
    for (const book of this.#books) await this.#refreshAll(book);
    return table;
  }

  dropTable(table: DenyTable): void {
    this.#tables = this.#tables.filter(other => other !== table);
  }

  /** Calls back after something came to be denied, or more strictly so. Gives the way to end that. */
  onDenied(listener: () => void): () => void {
    this.#onDenied.add(listener);
    return () => this.#onDenied.delete(listener);
  }

  /** Calls back when a source says that a snapshot would be another now. Gives the way to end that. */
  onChanged(listener: () => void): () => void {
    this.#onChanged.add(listener);
    return () => this.#onChanged.delete(listener);
  }

  /** By a source, after one or many changes. */
  changed(): void {
    for (const listener of this.#onChanged) listener();
  }

  named(kind: DenyKind, id: string): Named {
    return this.prints.named(kind, id);
  }

  /** @param revision of the write, 0 where the source has none. */
  put(book: DenyBook, named: Named, terms: DenyTerms, revision: number): void {
    book.put(named, terms, revision);
    this.#refresh(named, book, terms);
    for (const listener of this.#onDenied) listener();
  }

  /** The entry as that book has it, or null. */
  held(book: DenyBook, named: Named): BookRow | null {
    return book.at(book.find(named));
  }

  /** False where the book does not have it. */
  remove(book: DenyBook, named: Named): boolean {
    const row = book.find(named);
    if (row >= 0) this.#remove(book, row, named);
    return row >= 0;
  }

  /** Removes what a round left over, from a row on. Gives the row to go on with, or null at the end. */
  sweep(book: DenyBook, from: number, steps: number): number | null {
    const end = Math.min(from + steps, book.top);
    for (let row = from; row < end; row++) {
      const named = book.isLeftOver(row) ? namedAt(book, row) : null;
      if (named !== null) this.#remove(book, row, named);
    }
    return end < book.top ? end : null;
  }

  /** Everybody who denies it now. */
  holders(named: Named): readonly HeldEntry[] {
    const nowMs = this.#clock.wallMs();
    return this.#books.flatMap(book => {
      const held = this.held(book, named);
      return held === null || isOver(held.terms, nowMs) ? [] : [{ ...held, book }];
    });
  }

  /** Whether it could be in force, were it denied. */
  hasRoom({ print }: Named): boolean {
    return this.#tables.every(table => {
      if (table.isFull) this.expire();
      return !table.isFull || table.prints.lookup(print) !== null;
    });
  }

  /** Whether it is denied and found no room, so that it is not in force. */
  isWaiting(named: Named): boolean {
    return this.#tables.some(table => table.isWaiting(named));
  }

  /** Drops entries whose time is over. */
  expire(steps = Number.POSITIVE_INFINITY): void {
    const nowMs = this.#clock.wallMs();
    let left = steps;
    for (const book of this.#books) {
      for (let row = 0; left > 0; left--) {
        row = book.nextOver(nowMs);
        if (row < 0) break;
        this.#remove(book, row, namedAt(book, row)!);
      }
    }
  }

  #remove(book: DenyBook, row: number, named: Named): void {
    book.remove(row);
    this.#refresh(named);
  }

  async #refreshAll(book: DenyBook): Promise<void> {
    for (let row = 0; row < book.top; row++) {
      const named = namedAt(book, row);
      if (named !== null) this.#refresh(named);
      if (isTurnDue(row)) await turn();
    }
  }

  /** Brings the tables to what the books say of a name by now. What one of them says may be known already. */
  #refresh(named: Named, knownBook: DenyBook | null = null, knownTerms: DenyTerms | null = null): void {
    const union = this.#union(named, knownBook, knownTerms);
    for (const table of this.#tables) {
      if (union === null) this.#takeOut(table, named);
      else if (!table.set(named, union)) this.#makeRoom(table, named);
    }
  }

  #union(
    named: Named,
    knownBook: DenyBook | null = null,
    knownTerms: DenyTerms | null = null,
  ): DenyTerms | null {
    let union: DenyTerms | null = null;
    for (const book of this.#books) {
      const terms = book === knownBook ? knownTerms : book.termsOf(named);
      if (terms === null || (terms.untilMs !== null && isOver(terms, this.#clock.wallMs()))) continue;
      union = union === null ? terms : stricter(union, terms);
    }
    return union;
  }

  #takeOut(table: DenyTable, named: Named): void {
    table.remove(named);
    for (let next = table.nextWaiting(); next !== null; next = table.nextWaiting()) {
      const terms = this.#union(next);
      if (terms === null) table.remove(next);
      else table.set(next, terms);
    }
  }

  /** What is over goes first. */
  #makeRoom(table: DenyTable, named: Named): void {
    this.expire();
    const terms = this.#union(named);
    if (terms !== null && !table.isFull) table.set(named, terms);
  }
}

function namedAt(book: DenyBook, row: number): Named | null {
  const held = book.at(row);
  return held === null ? null : { print: book.printAt(row), kind: held.kind, id: held.id };
}
