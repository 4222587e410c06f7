import { type Fingerprint, fingerprintOf } from '../../base/index.ts';
import type { KvCursor } from '../../bus/index.ts';
import { DENY_KINDS, type DenyKind } from './entry.ts';
import { ExpiryQueue } from './expiry-queue.ts';
import type { Named } from './fingerprinter.ts';
import { type DenyTerms, isOver } from './terms.ts';

/** Who denies: the watched file, the gateway's own entries (ops API), the NATS bucket. */
export const DENY_SOURCES = ['file', 'local', 'nats'] as const;

export type DenySource = (typeof DENY_SOURCES)[number];

/** Where a book's entries come from, and how far that was read. Kept in snapshots. */
export interface BookPlace {
  /** The file, or the bucket; null for the gateway's own. */
  readonly origin: string | null;
  readonly cursor: KvCursor | null;
  /** When it was last known to hold all there is, wall clock; null where that is not known. */
  readonly currentMs: number | null;
}

export interface BookRow {
  readonly kind: DenyKind;
  readonly id: string;
  readonly terms: DenyTerms;
  readonly revision: number;
}

const FIRST_ROWS = 64;
const NO_ROW = -1;
/** Rounds are numbered from 1. */
const IN_DOUBT = 0;
const ROUND_MAX = 255;
/** Endings of entries that changed since may stay in the queue until it holds this many more than there are entries. */
const STALE_ENDINGS_MAX = 10_000;
/** Reasons whose terms are shared by all entries that have nothing but a reason. */
const SHARED_TERMS_MAX = 256;

/**
 * The entries of one source by kind and id. Columns rather than objects: a
 * million entries take a third of the memory, and none of the time, that a Map
 * of objects takes.
 */
export class DenyBook {
  readonly source: DenySource;
  place: BookPlace = { origin: null, cursor: null, currentMs: null };
  #size = 0;
  /** Rows below it may be in use. */
  #top = 0;
  readonly #free: number[] = [];
  readonly #ids: (string | null)[] = [];
  readonly #terms: DenyTerms[] = [];
  #kinds = new Uint8Array(FIRST_ROWS);
  #words = new Int32Array(FIRST_ROWS);
  #homes = new Uint32Array(FIRST_ROWS);
  #revisions = new Float64Array(FIRST_ROWS);
  #rounds = new Uint8Array(FIRST_ROWS);
  /** Row + 1 by home, with the next free slot where that is taken; 0 is an empty slot. */
  #slots = new Int32Array(FIRST_ROWS * 2);
  #round = 1;
  readonly #shared = new Map<string, DenyTerms>();
  #lastShared: DenyTerms | null = null;
  readonly #endings = new ExpiryQueue();

  constructor(source: DenySource) {
    this.source = source;
  }

  get size(): number {
    return this.#size;
  }

  /** Rows are numbered below it. It only grows. */
  get top(): number {
    return this.#top;
  }

  /** The row of an entry, or -1. */
  find({ print, kind, id }: Named): number {
    const mask = this.#slots.length - 1;
    for (let slot = print.home & mask; ; slot = (slot + 1) & mask) {
      const row = this.#slots[slot]! - 1;
      if (row === NO_ROW) return NO_ROW;
      if (this.#words[row] === print.word && this.#ids[row] === id && this.kindAt(row) === kind) return row;
    }
  }

  /** Null where the row is not in use. */
  at(row: number): BookRow | null {
    const id = this.#ids[row] ?? null;
    if (id === null) return null;
    return { kind: this.kindAt(row), id, terms: this.#terms[row]!, revision: this.#revisions[row]! };
  }

  printAt(row: number): Fingerprint {
    return fingerprintOf(this.#words[row]!, this.#homes[row]!);
  }

  kindAt(row: number): DenyKind {
    return DENY_KINDS[this.#kinds[row]!]!;
  }

  termsOf(named: Named): DenyTerms | null {
    const row = this.#size === 0 ? NO_ROW : this.find(named);
    return row === NO_ROW ? null : this.#terms[row]!;
  }

  termsAt(row: number): DenyTerms {
    return this.#terms[row]!;
  }

  revisionAt(row: number): number {
    return this.#revisions[row]!;
  }

  /** Adds an entry, or gives the one that is there these terms. */
  put(named: Named, terms: DenyTerms, revision: number): void {
    const found = this.find(named);
    const row = found === NO_ROW ? this.#add(named) : found;
    const endsMs = found === NO_ROW ? null : this.#terms[row]!.untilMs;
    this.#terms[row] = this.#sharedTerms(terms);
    if (terms.untilMs !== null && terms.untilMs !== endsMs) this.#addEnding(terms.untilMs, row);
    this.#revisions[row] = revision;
    this.#rounds[row] = this.#round;
  }

  /** About so many entries will come: room is made once for all. */
  reserve(rows: number): void {
    const wanted = 2 ** Math.ceil(Math.log2(Math.max(rows, 1)));
    if (wanted > this.#words.length) this.#grow(wanted);
  }

  remove(row: number): void {
    this.#unlink(row);
    this.#ids[row] = null;
    this.#free.push(row);
    this.#size--;
  }

  /** A row whose entry is over and was not asked for before, or -1. */
  nextOver(nowMs: number): number {
    for (;;) {
      const row = this.#endings.next(nowMs);
      if (row === NO_ROW) return NO_ROW;
      // The entry may have gone or changed since, and another may stand there.
      if ((this.#ids[row] ?? null) !== null && isOver(this.#terms[row]!, nowMs)) return row;
    }
  }

  /**
   * Everything is about to be given anew: revisions start over, and what is
   * neither put nor confirmed from now on is `isLeftOver`.
   */
  beginRound(): void {
    this.#revisions.fill(0);
    if (++this.#round <= ROUND_MAX) return;
    // Rows of as many rounds ago would pass for rows of this one.
    this.#rounds.fill(IN_DOUBT);
    this.#round = 1;
  }

  /** It is given again as it is. */
  confirm(named: Named): void {
    const row = this.find(named);
    if (row !== NO_ROW) this.#rounds[row] = this.#round;
  }

  /** It is left over, unless it is given again. */
  doubt(named: Named): void {
    const row = this.find(named);
    if (row !== NO_ROW) this.#rounds[row] = IN_DOUBT;
  }

  isLeftOver(row: number): boolean {
    return this.#rounds[row] !== this.#round;
  }

  #addEnding(untilMs: number, row: number): void {
    if (this.#endings.size < this.#size + STALE_ENDINGS_MAX) {
      this.#endings.add(untilMs, row);
      return;
    }
    this.#endings.clear();
    for (let each = 0; each < this.#top; each++) {
      const endsMs = (this.#ids[each] ?? null) === null ? null : this.#terms[each]!.untilMs;
      if (endsMs !== null) this.#endings.add(endsMs, each);
    }
  }

  #sharedTerms(terms: DenyTerms): DenyTerms {
    if (terms.untilMs !== null || terms.issuedBeforeMs !== null || terms === this.#lastShared) return terms;
    const shared = this.#shared.get(terms.reason);
    if (shared === undefined && this.#shared.size < SHARED_TERMS_MAX) this.#shared.set(terms.reason, terms);
    this.#lastShared = shared ?? terms;
    return this.#lastShared;
  }

  #add({ print, kind, id }: Named): number {
    const row = this.#free.pop() ?? this.#top++;
    if (row === this.#words.length) this.#grow(this.#words.length * 2);
    this.#ids[row] = id;
    this.#kinds[row] = DENY_KINDS.indexOf(kind);
    this.#words[row] = print.word;
    this.#homes[row] = print.home;
    this.#link(row);
    this.#size++;
    return row;
  }

  #link(row: number): void {
    const mask = this.#slots.length - 1;
    let slot = this.#homes[row]! & mask;
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask;
    this.#slots[slot] = row + 1;
  }

  /** Takes a row out of the slots and moves later ones up, so that no search ends too early. */
  #unlink(row: number): void {
    const mask = this.#slots.length - 1;
    let gap = this.#homes[row]! & mask;
    while (this.#slots[gap] !== row + 1) gap = (gap + 1) & mask;
    for (let slot = (gap + 1) & mask; this.#slots[slot] !== 0; slot = (slot + 1) & mask) {
      const home = this.#homes[this.#slots[slot]! - 1]! & mask;
      if (((slot - home) & mask) < ((slot - gap) & mask)) continue;
      this.#slots[gap] = this.#slots[slot]!;
      gap = slot;
    }
    this.#slots[gap] = 0;
  }

  /** @param rows a power of two. */
  #grow(rows: number): void {
    const grown = <T extends { set(from: T): void }>(to: T, from: T): T => {
      to.set(from);
      return to;
    };
    const used = Math.min(this.#top, this.#words.length);
    this.#kinds = grown(new Uint8Array(rows), this.#kinds);
    this.#words = grown(new Int32Array(rows), this.#words);
    this.#homes = grown(new Uint32Array(rows), this.#homes);
    this.#revisions = grown(new Float64Array(rows), this.#revisions);
    this.#rounds = grown(new Uint8Array(rows), this.#rounds);
    this.#slots = new Int32Array(rows * 2);
    for (let row = 0; row < used; row++) if (this.#ids[row] !== null) this.#link(row);
  }
}
