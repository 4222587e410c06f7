import type { SketchKey } from './sketch-seed.ts';

/** Entries in a bucket: a name may stand in any of those of its bucket, and in no other. */
const BUCKET = 16;
const LOCK_MS = 10;
const LOCK_TRIES = 10;

/** What `acquire` answers when there is no room under the limit. */
export const NO_ROOM = -1;

export interface CountersShape {
  /** Names that can be counted at a time: a power of two, four times as many as are expected, 16 at least. */
  readonly entries: number;
  /** Threads that count, each in a column of its own. */
  readonly columns: number;
}

/**
 * Exact counts of what goes on at the moment, by name, in fixed memory shared
 * by threads. A name has an entry while it counts anything; the entry of a name
 * that counts nothing is given to the next who needs one. Each thread has its
 * own column, so that what a thread held can be taken back when it dies.
 */
export class SharedCounters {
  readonly shape: CountersShape;
  readonly buffer: SharedArrayBuffer;
  readonly #column: number;
  readonly #bucketMask: number;
  /** By bucket: the column that changes its entries, plus 1, or 0. */
  readonly #locks: Int32Array;
  /** Two words of its key by entry. The first is 0 where the entry is free. */
  readonly #tags: Int32Array;
  /** By entry, then by column. */
  readonly #counts: Int32Array;

  /**
   * @param column which of the columns is this thread's.
   * @param buffer another thread's counters of the same shape, or absent: all zero.
   */
  constructor(shape: CountersShape, column: number, buffer = new SharedArrayBuffer(bytesOf(shape))) {
    const { entries, columns } = shape;
    const buckets = entries / BUCKET;
    this.shape = shape;
    this.buffer = buffer;
    this.#column = column;
    this.#bucketMask = buckets - 1;
    this.#locks = new Int32Array(buffer, 0, buckets);
    this.#tags = new Int32Array(buffer, buckets * 4, entries * 2);
    this.#counts = new Int32Array(buffer, (buckets + entries * 2) * 4, entries * columns);
  }

  /**
   * Counts one more for a name where that makes no more than `limit`. Returns
   * the entry to be given to `release`, or `NO_ROOM`. Adds first, then looks:
   * of threads that come at the same moment some may be refused early, never
   * too many admitted. Refuses as well when the bucket of the name is full of
   * names that count something, which the size of the table makes rare.
   */
  acquire(key: SketchKey, limit: number): number {
    const entry = this.#raise(key);
    if (entry === NO_ROOM || this.#sum(entry) <= limit) return entry;
    this.release(entry);
    return NO_ROOM;
  }

  /** @param entry what `acquire` gave to this thread; to be called once for it. */
  release(entry: number): void {
    Atomics.sub(this.#counts, entry * this.shape.columns + this.#column, 1);
  }

  /** How many a name counts at the moment. */
  count(key: SketchKey): number {
    const entry = this.#find(key);
    return entry === NO_ROOM ? 0 : this.#sum(entry);
  }

  /** How many there are, over all names. */
  total(): number {
    let sum = 0;
    for (const count of this.#counts) sum += count;
    return sum;
  }

  /** Takes back what a thread held. It must have ended; whoever gets the column next begins with nothing. */
  clearColumn(column: number): void {
    for (let at = column; at < this.#counts.length; at += this.shape.columns)
      Atomics.store(this.#counts, at, 0);
    for (let bucket = 0; bucket <= this.#bucketMask; bucket++) {
      Atomics.compareExchange(this.#locks, bucket, column + 1, 0);
    }
  }

  /** Counts one more whatever the limit; the entry stays the name's as long as it counts something. */
  #raise(key: SketchKey): number {
    const found = this.#find(key);
    if (found !== NO_ROOM) {
      this.#add(found);
      // It may have been given away before it was raised; not any more from here on.
      if (this.#isOf(found, key)) return found;
      this.release(found);
    }
    const bucket = key[0]! & this.#bucketMask;
    if (!this.#lock(bucket)) return NO_ROOM;
    try {
      return this.#raiseLocked(key);
    } finally {
      Atomics.store(this.#locks, bucket, 0);
      Atomics.notify(this.#locks, bucket);
    }
  }

  #raiseLocked(key: SketchKey): number {
    let entry = this.#find(key);
    if (entry === NO_ROOM) entry = this.#assign(key);
    if (entry !== NO_ROOM) this.#add(entry);
    return entry;
  }

  /** Gives a name the first entry of its bucket that nobody uses. Under the bucket's lock. */
  #assign(key: SketchKey): number {
    const first = this.#firstOf(key);
    for (let entry = first; entry < first + BUCKET; entry++) {
      const tag = Atomics.load(this.#tags, entry * 2);
      if (this.#sum(entry) !== 0) continue;
      // Gone first, then looked at again: who raised it before sees that it was not his, or is seen here.
      Atomics.store(this.#tags, entry * 2, 0);
      if (this.#sum(entry) !== 0) {
        Atomics.store(this.#tags, entry * 2, tag);
        continue;
      }
      Atomics.store(this.#tags, entry * 2 + 1, key[2]! | 0);
      Atomics.store(this.#tags, entry * 2, tagOf(key));
      return entry;
    }
    return NO_ROOM;
  }

  #find(key: SketchKey): number {
    const first = this.#firstOf(key);
    for (let entry = first; entry < first + BUCKET; entry++) {
      if (this.#isOf(entry, key)) return entry;
    }
    return NO_ROOM;
  }

  #firstOf(key: SketchKey): number {
    return (key[0]! & this.#bucketMask) * BUCKET;
  }

  #isOf(entry: number, key: SketchKey): boolean {
    return (
      Atomics.load(this.#tags, entry * 2) === tagOf(key) &&
      Atomics.load(this.#tags, entry * 2 + 1) === (key[2]! | 0)
    );
  }

  #add(entry: number): void {
    Atomics.add(this.#counts, entry * this.shape.columns + this.#column, 1);
  }

  #sum(entry: number): number {
    const { columns } = this.shape;
    let sum = 0;
    for (let column = 0; column < columns; column++)
      sum += Atomics.load(this.#counts, entry * columns + column);
    return sum;
  }

  /** False where another thread holds it for long, which only a dead one does. */
  #lock(bucket: number): boolean {
    for (let tries = 0; tries < LOCK_TRIES; tries++) {
      const holder = Atomics.compareExchange(this.#locks, bucket, 0, this.#column + 1);
      if (holder === 0) return true;
      Atomics.wait(this.#locks, bucket, holder, LOCK_MS);
    }
    return false;
  }
}

/** Never 0, which marks a free entry. */
function tagOf(key: SketchKey): number {
  return key[1] === 0 ? 1 : key[1]! | 0;
}

function bytesOf({ entries, columns }: CountersShape): number {
  return (entries / BUCKET + entries * 2 + entries * columns) * 4;
}
