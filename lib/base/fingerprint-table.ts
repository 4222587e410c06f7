/** 64 bits that stand for a name. Made by `fingerprintOf`. */
export interface Fingerprint {
  /** The half that is compared first, signed. Never 0 or 1. */
  readonly word: number;
  /** The half that says where to look, unsigned. */
  readonly home: number;
}

/** Two unsigned 32-bit numbers that are kept with a fingerprint. What they say is the caller's matter. */
export interface FingerprintValue {
  readonly low: number;
  readonly high: number;
}

/** Of 32 bits each: a fingerprint's word and home, a value's low and high number. */
const ENTRY_BYTES = 16;
const WORDS = ENTRY_BYTES / 4;
const HALVES = ENTRY_BYTES / 8;
const HOME = 1;
const LOW = 2;

/** Before the slots: how many are used, a count of changes, a count of moves, the most entries. */
const HEAD_BYTES = 64;
const SIZE = 0;
const VERSION = 1;
const MOVES = 2;
const MAX_ENTRIES = 3;

const MAX_ENTRIES_MAX = 2 ** 24;

/** Words of slots that hold nothing: one where a search ends, and one that is being written over. */
const EMPTY = 0;
const HELD = 1;

/** Whether the first of two 32-bit numbers is the low half of the 64 bits that they are together. */
const IS_LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

/** @param a, b 32 bits each, evenly distributed: a name's keyed hash. */
export function fingerprintOf(a: number, b: number): Fingerprint {
  return { word: Math.max(a >>> 0, HELD + 1) | 0, home: b >>> 0 };
}

/**
 * Fingerprints with a value each, in one shared buffer whose size never
 * changes: open addressing with at most every other slot used. One thread
 * writes, any number read without locks:
 *
 * - a slot's word is written last, and taken away before anything else of a slot
 *   in use is written over; only a value may change beneath it, in one step;
 * - a removal closes the gap by moving later entries up: first the copy, then
 *   `moves` is counted, then the old place is written over. Whoever searched
 *   meanwhile sees that `moves` has changed and searches again, so an entry that
 *   stays in the table is never missed, nor seen with the value of another.
 */
export class FingerprintTable {
  /** Give it to another thread, and make a table of it there. */
  readonly buffer: SharedArrayBuffer;
  readonly maxEntries: number;
  readonly #head: Int32Array;
  readonly #words: Int32Array;
  readonly #halves: BigUint64Array;
  readonly #mask: number;

  /** @param buffer of a table that was made by `create`. */
  constructor(buffer: SharedArrayBuffer) {
    this.buffer = buffer;
    this.#head = new Int32Array(buffer, 0, HEAD_BYTES / 4);
    this.#words = new Int32Array(buffer, HEAD_BYTES);
    this.#halves = new BigUint64Array(buffer, HEAD_BYTES);
    this.#mask = (buffer.byteLength - HEAD_BYTES) / ENTRY_BYTES - 1;
    this.maxEntries = this.#head[MAX_ENTRIES]!;
  }

  /** @param maxEntries 1…2²⁴. Takes 16 bytes times the next power of two from twice as many. */
  static create(maxEntries: number): FingerprintTable {
    if (!Number.isInteger(maxEntries) || maxEntries < 1 || maxEntries > MAX_ENTRIES_MAX)
      throw new RangeError(`a fingerprint table holds 1 to ${MAX_ENTRIES_MAX} entries`);
    const slots = 2 ** Math.ceil(Math.log2(maxEntries * 2));
    const buffer = new SharedArrayBuffer(HEAD_BYTES + slots * ENTRY_BYTES);
    new Int32Array(buffer)[MAX_ENTRIES] = maxEntries;
    return new FingerprintTable(buffer);
  }

  get size(): number {
    return Atomics.load(this.#head, SIZE);
  }

  /** Another number after every change; what was looked up under the same number is still so. */
  get version(): number {
    return Atomics.load(this.#head, VERSION);
  }

  /** In any thread. */
  lookup(print: Fingerprint): FingerprintValue | null {
    for (;;) {
      const moves = Atomics.load(this.#head, MOVES);
      const slot = this.#find(print);
      const value = slot < 0 ? null : Atomics.load(this.#halves, slot * HALVES + 1);
      const isSame = slot < 0 || Atomics.load(this.#words, slot * WORDS) === print.word;
      if (!isSame || Atomics.load(this.#head, MOVES) !== moves) continue;
      return value === null ? null : asValue(value);
    }
  }

  /** By the one writer. Puts a value in, or in place of the one that is there. False: there is no room. */
  set(print: Fingerprint, low: number, high: number): boolean {
    const found = this.#find(print);
    if (found >= 0) {
      Atomics.store(this.#halves, found * HALVES + 1, halfOf(low, high));
    } else {
      if (this.size >= this.maxEntries) return false;
      this.#write(~found, print.word, print.home, low, high);
      Atomics.add(this.#head, SIZE, 1);
    }
    Atomics.add(this.#head, VERSION, 1);
    return true;
  }

  /** By the one writer. Whether it was there. */
  remove(print: Fingerprint): boolean {
    let gap = this.#find(print);
    if (gap < 0) return false;
    for (let slot = this.#next(gap); this.#words[slot * WORDS] !== EMPTY; slot = this.#next(slot)) {
      const home = this.#words[slot * WORDS + HOME]! & this.#mask;
      // An entry must not come to stand before its home.
      if (((slot - home) & this.#mask) < ((slot - gap) & this.#mask)) continue;
      this.#copy(slot, gap);
      gap = slot;
    }
    Atomics.add(this.#head, MOVES, 1);
    Atomics.store(this.#words, gap * WORDS, EMPTY);
    Atomics.sub(this.#head, SIZE, 1);
    Atomics.add(this.#head, VERSION, 1);
    return true;
  }

  /** Over an entry that is not needed any more: it is being removed, or was copied up itself. */
  #copy(from: number, to: number): void {
    Atomics.add(this.#head, MOVES, 1);
    Atomics.store(this.#words, to * WORDS, HELD);
    const at = from * WORDS;
    const words = this.#words;
    this.#write(to, words[at]!, words[at + HOME]!, words[at + LOW]!, words[at + LOW + 1]!);
  }

  /** Into a slot whose word says that it holds nothing. */
  #write(slot: number, word: number, home: number, low: number, high: number): void {
    const at = slot * WORDS;
    this.#words[at + HOME] = home;
    this.#words[at + LOW] = low;
    this.#words[at + LOW + 1] = high;
    Atomics.store(this.#words, at, word);
  }

  /** The slot of a fingerprint; where it has none, the complement of the empty slot at which the search ended. */
  #find({ word, home }: Fingerprint): number {
    let slot = home & this.#mask;
    for (;;) {
      const found = Atomics.load(this.#words, slot * WORDS);
      if (found === EMPTY) return ~slot;
      if (found === word && Atomics.load(this.#words, slot * WORDS + HOME) >>> 0 === home) return slot;
      slot = this.#next(slot);
    }
  }

  #next(slot: number): number {
    return (slot + 1) & this.#mask;
  }
}

/** Both numbers as they stand in memory behind each other. */
function halfOf(low: number, high: number): bigint {
  const [first, second] = IS_LITTLE_ENDIAN ? [low, high] : [high, low];
  return (BigInt(second >>> 0) << 32n) | BigInt(first >>> 0);
}

function asValue(half: bigint): FingerprintValue {
  const first = Number(half & 0xffff_ffffn);
  const second = Number(half >> 32n);
  return IS_LITTLE_ENDIAN ? { low: first, high: second } : { low: second, high: first };
}
