import type { Clock } from '../../base/index.ts';
import type { Bus, KvBucket, KvCursor, KvEntry, KvFollowing, KvSink } from '../../bus/index.ts';
import type { Warning } from '../../pipeline/index.ts';
import type { DenyBook } from './deny-book.ts';
import type { DenySet } from './deny-set.ts';
import type { Named } from './fingerprinter.ts';
import { kvKey, kvValue, readKvKey, readKvValue } from './kv-spelling.ts';
import { isTurnDue, STEPS, turn } from './pacing.ts';
import { RecentWrites } from './recent-writes.ts';
import type { DenyTerms } from './terms.ts';

/** Keys of entries that cannot be read; more are not told apart. */
const UNREADABLE_KEYS_MAX = 1000;

export interface NatsSourceOptions {
  readonly bus: Bus;
  readonly bucket: string;
  readonly set: DenySet;
  /** What an earlier run knew of this bucket, with how far it was read, or an empty book. */
  readonly book: DenyBook;
  readonly clock: Clock;
  readonly warn: (warning: Warning) => void;
}

/** What a whole reading brought and is not yet in force. */
interface Reading {
  readonly entries: Iterator<KvEntry>;
  cursor: KvCursor;
  /** Since it came, `current` was called. */
  isCurrent: boolean;
  /** All of it is in force; what it does not have is being taken out. */
  isInForce: boolean;
}

/**
 * The bucket's entries. Small changes are in force when a call of the bus
 * returns; a whole reading of a large bucket comes into force in steps, in which
 * what was denied stays denied, and writes that come meanwhile count at once.
 */
export class NatsSource implements KvSink {
  readonly book: DenyBook;
  readonly bucketName: string;
  readonly #options: NatsSourceOptions;
  readonly #bucket: KvBucket;
  readonly #recent: RecentWrites;
  readonly #listeners = new Set<() => void>();
  #following: KvFollowing | null = null;
  #reading: Reading | null = null;
  /** How far the bucket was read, by this process. */
  #cursor: KvCursor | null = null;
  /** Writes of ours outlived a reading, and were not delivered yet. */
  #isInDoubt = false;
  #wasRead = false;
  /** Never known to be current: age counts from here. */
  readonly #sinceMs: number;
  #unreadable = 0;
  /** Of what the bucket holds now, as far as it was read by this process. */
  readonly #unreadableKeys = new Set<string>();
  #isClosed = false;

  constructor(options: NatsSourceOptions) {
    this.#options = options;
    this.book = options.book;
    this.bucketName = options.bucket;
    this.#bucket = options.bus.bucket(options.bucket);
    this.#recent = new RecentWrites(options.clock);
    this.#sinceMs = options.clock.wallMs();
    if (this.book.place.origin === null) this.book.place = { ...this.book.place, origin: options.bucket };
  }

  start(): void {
    this.#following = this.#bucket.follow(this.book.place.cursor, this);
  }

  /** All that the bucket holds was read, by this process or the one whose snapshot it had. */
  get isSeeded(): boolean {
    return this.#wasRead || this.book.place.currentMs !== null;
  }

  /** This process knows that it has all that the bucket holds or held. */
  get wasRead(): boolean {
    return this.#wasRead;
  }

  get isConnected(): boolean {
    return this.#options.bus.connected;
  }

  /** When it was last known to have all there is, wall clock; where that was never so, when it began to try. */
  get currentMs(): number {
    return this.book.place.currentMs ?? this.#sinceMs;
  }

  /** Writes so far that could not be read; those with a good key deny. */
  get unreadable(): number {
    return this.#unreadable;
  }

  /** Entries that the bucket holds and that could not be read, up to a thousand. */
  get unreadableNow(): number {
    return this.#unreadableKeys.size;
  }

  /** Calls back when `isSeeded` or `currentMs` may have changed. Gives the way to end that. */
  onState(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Denies on all instances. Rejects with a `BusError`: then nothing was changed here. */
  async put(named: Named, terms: DenyTerms): Promise<void> {
    const key = kvKey(named.kind, named.id);
    const revision = await this.#bucket.put(key, kvValue({ ...named, terms }));
    // It may have been delivered before its answer came.
    if (revision <= this.#revisionOf(named)) return;
    this.#unreadableKeys.delete(key);
    this.#recent.put(key, revision, this.book.place.cursor?.created ?? null);
    this.#options.set.put(this.book, named, terms, revision);
    this.#options.set.changed();
  }

  /** Whether the bucket has an entry that this process may not know yet. Rejects with a `BusError`. */
  async has({ kind, id }: Named): Promise<boolean> {
    return (await this.#bucket.get(kvKey(kind, id))) !== null;
  }

  /** Allows on all instances. Rejects with a `BusError`: then nothing was changed here. */
  async remove(named: Named): Promise<void> {
    const key = kvKey(named.kind, named.id);
    const before = this.#revisionOf(named);
    await this.#bucket.delete(key);
    // What was written since is another entry.
    if (this.#revisionOf(named) !== before) return;
    this.#unreadableKeys.delete(key);
    this.#recent.removed(key, before);
    this.#options.set.remove(this.book, named);
    this.#options.set.changed();
  }

  replace(entries: ReadonlyMap<string, KvEntry>, cursor: KvCursor): void {
    if (this.#isClosed) return;
    this.#unreadableKeys.clear();
    this.book.beginRound();
    this.book.reserve(entries.size);
    // Writes of ours may be younger than the reading: they stay, until they are delivered.
    const younger = this.#recent.read(cursor);
    for (const key of younger) this.book.confirm(this.#nameOf(key));
    this.#isInDoubt = younger.length > 0;
    const reading: Reading = { entries: entries.values(), cursor, isCurrent: false, isInForce: false };
    this.#reading = reading;
    this.#read(reading);
  }

  apply({ key, value, revision }: KvEntry, cursor: KvCursor): void {
    if (this.#isClosed) return;
    this.#take(key, value, revision);
    if (this.#reading !== null) this.#reading.cursor = cursor;
    else this.#reached(cursor);
    this.#options.set.changed();
  }

  current(): void {
    if (this.#isClosed) return;
    if (this.#reading !== null) {
      this.#reading.isCurrent = true;
      return;
    }
    for (const [key, revision] of this.#recent.lost()) this.#giveUp(key, revision);
    this.#wasRead = true;
    this.book.place = { ...this.book.place, currentMs: this.#options.clock.wallMs() };
    if (this.#cursor !== null) this.#reached(this.#cursor);
    for (const listener of this.#listeners) listener();
  }

  /** Denies what another book has until the bucket was read whole; what it has itself goes first. */
  async inherit(from: DenyBook): Promise<void> {
    const { set } = this.#options;
    for (let row = 0; row < from.top; row++) {
      if (this.#wasRead || this.#reading?.isInForce === true) return;
      const held = from.at(row);
      const named = held === null ? null : set.named(held.kind, held.id);
      if (held !== null && named !== null && set.held(this.book, named) === null) {
        set.put(this.book, named, held.terms, 0);
        this.book.doubt(named);
      }
      if (isTurnDue(row)) await turn();
    }
  }

  /** Ends the following, and the connection. The book stays as it is. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#reading = null;
    await this.#following?.close();
    await this.#options.bus.close();
  }

  #read(reading: Reading): void {
    if (this.#reading !== reading) return;
    for (let step = 0; step < STEPS; step++) {
      const { done, value: entry } = reading.entries.next();
      if (done === true) {
        this.#sweep(reading, 0);
        return;
      }
      this.#take(entry.key, entry.value, entry.revision);
    }
    setImmediate(() => this.#read(reading));
  }

  /** Everything read is in force; what the bucket no longer has goes. */
  #sweep(reading: Reading, from: number): void {
    if (this.#reading !== reading) return;
    reading.isInForce = true;
    const next = this.#options.set.sweep(this.book, from, STEPS);
    if (next !== null) {
      setImmediate(() => this.#sweep(reading, next));
      return;
    }
    this.#reading = null;
    this.#reached(reading.cursor);
    this.#options.set.changed();
    if (reading.isCurrent) this.current();
  }

  /**
   * Everything up to there is in force. A snapshot may go on from there, unless
   * writes of ours outlived a reading: whether the bucket has them would not be
   * asked again.
   */
  #reached(cursor: KvCursor): void {
    this.#cursor = cursor;
    this.#isInDoubt &&= this.#recent.hasOwn;
    this.book.place = {
      ...this.book.place,
      origin: this.bucketName,
      cursor: this.#isInDoubt ? null : cursor,
    };
  }

  /** One write, unless a later one of the same key was seen. */
  #take(key: string, value: Uint8Array | null, revision: number): void {
    const spelled = readKvKey(key);
    if (spelled === null) {
      if (value === null) this.#unreadableKeys.delete(key);
      else this.#report(key, 'it is none of <kind>.<base64url of the id>, and denies nobody');
      return;
    }
    const { set } = this.#options;
    const named = set.named(spelled.kind, spelled.id);
    this.#recent.delivered(key, revision);
    if (revision <= Math.max(this.#revisionOf(named), this.#recent.removedAt(key))) {
      this.book.confirm(named);
    } else if (value === null) {
      this.#unreadableKeys.delete(key);
      this.#recent.removed(key, revision);
      set.remove(this.book, named);
    } else {
      this.#unreadableKeys.delete(key);
      const { terms, fault } = readKvValue(named, value);
      if (fault !== null)
        this.#report(key, `its value cannot be read (${fault}), and denies for reason "unknown"`);
      set.put(this.book, named, terms, revision);
    }
  }

  #revisionOf(named: Named): number {
    return this.#options.set.held(this.book, named)?.revision ?? 0;
  }

  /** A write of ours was lost. What others have written under its key stays. */
  #giveUp(key: string, revision: number): void {
    const { set } = this.#options;
    const named = this.#nameOf(key);
    const known = this.#revisionOf(named);
    // A reading that did not have it has set its revision to 0.
    if (known !== 0 && known !== revision) return;
    set.remove(this.book, named);
    set.changed();
  }

  /** Of a key of our own. */
  #nameOf(key: string): Named {
    const { kind, id } = readKvKey(key)!;
    return this.#options.set.named(kind, id);
  }

  #report(key: string, text: string): void {
    this.#unreadable++;
    if (this.#unreadableKeys.size < UNREADABLE_KEYS_MAX) this.#unreadableKeys.add(key);
    if (this.#unreadable > 1) return;
    const message = `The bucket ${this.bucketName} has an entry under ${key.slice(0, 80)}: ${text}. Further ones are counted only.`;
    this.#options.warn({ code: 'deny_entry_unreadable', message });
  }
}
