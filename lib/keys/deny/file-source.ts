import { type ConfigProblem, formatProblems, readPlacedList, watchFiles } from '../../config/index.ts';
import type { Warning } from '../../pipeline/index.ts';
import type { DenyBook } from './deny-book.ts';
import { DenyFault } from './deny-fault.ts';
import type { DenySet } from './deny-set.ts';
import { type DenyEntry, EntryFault, readEntry } from './entry.ts';
import { stricter } from './terms.ts';

export interface FileSourceOptions {
  /** Absolute. */
  readonly path: string;
  readonly set: DenySet;
  /** What an earlier run knew of this file, or an empty book. */
  readonly book: DenyBook;
  readonly warn: (warning: Warning) => void;
  /** For tests. */
  readonly watch?: { readonly debounceMs: number; readonly pollMs: number };
}

const PROBLEMS_SHOWN = 5;

/** The watched deny file. One that vanishes or breaks leaves what it last said in force. */
export class FileSource {
  readonly path: string;
  readonly book: DenyBook;
  readonly #set: DenySet;
  readonly #warn: (warning: Warning) => void;
  readonly #watcher: { close(): void };
  #problem: string | null = null;

  /** @throws {DenyFault} where the file cannot be read and nothing is known of it from before. */
  constructor({ path, set, book, warn, watch }: FileSourceOptions) {
    this.path = path;
    this.book = book;
    this.#set = set;
    this.#warn = warn;
    const isKnown = book.place.origin === path;
    // Before it is read: what changes in between draws an event.
    this.#watcher = watchFiles([path], () => this.#reread(), watch);
    const problem = this.#read();
    if (problem === null) return;
    if (!isKnown) {
      this.#watcher.close();
      throw new DenyFault(
        `The deny file cannot be used, and nothing is known of it from before.\n${problem}`,
      );
    }
    this.#broken(problem);
  }

  /** What is wrong with the file by now; null while it is in force as it is. */
  get problem(): string | null {
    return this.#problem;
  }

  close(): void {
    this.#watcher.close();
  }

  #reread(): void {
    const problem = this.#read();
    if (problem !== null) this.#broken(problem);
    else if (this.#problem !== null) {
      this.#problem = null;
      this.#warn({ code: 'deny_file_recovered', message: `The deny file ${this.path} is in force again.` });
    }
  }

  #broken(problem: string): void {
    if (problem === this.#problem) return;
    this.#problem = problem;
    const message = `The deny file is not in force as it is; what it said before stays denied.\n${problem}`;
    this.#warn({ code: 'deny_file_broken', message });
  }

  /** Puts the file in force, or says what is wrong with it. */
  #read(): string | null {
    const list = readPlacedList(this.path);
    if (!list.ok) return problemText(list.problems);
    const problems: ConfigProblem[] = [];
    const entries = new Map<string, DenyEntry>();
    for (const item of list.items) {
      const entry = readEntry(item.value);
      if (entry instanceof EntryFault)
        problems.push(item.problem(entry.member === null ? [] : [entry.member], entry.text));
      else addStricter(entries, entry);
    }
    if (problems.length > 0) return problemText(problems);
    this.#apply(entries.values());
    return null;
  }

  #apply(entries: Iterable<DenyEntry>): void {
    this.book.beginRound();
    for (const { kind, id, terms } of entries) this.#set.put(this.book, this.#set.named(kind, id), terms, 0);
    this.#set.sweep(this.book, 0, Number.POSITIVE_INFINITY);
    this.book.place = { origin: this.path, cursor: null, currentMs: null };
    this.#set.changed();
  }
}

/** What stands in the file twice is denied as the stricter says. */
function addStricter(entries: Map<string, DenyEntry>, entry: DenyEntry): void {
  const name = `${entry.kind}\0${entry.id}`;
  const other = entries.get(name);
  entries.set(name, other === undefined ? entry : { ...entry, terms: stricter(other.terms, entry.terms) });
}

function problemText(problems: readonly ConfigProblem[]): string {
  const more = problems.length - PROBLEMS_SHOWN;
  const text = formatProblems(problems.slice(0, PROBLEMS_SHOWN));
  return more > 0 ? `${text}\n… and ${more} more` : text;
}
