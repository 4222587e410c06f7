import { type KvEntry, OVERSIZED } from './bus.ts';
import type { KeyTally } from './key-tally.ts';

const CHUNK_BYTES = 2 ** 20;
/** Bytes of key and value as two 32-bit numbers, the revision as a double. */
const HEAD_BYTES = 16;
/** A length that no value has. */
const OVERSIZED_LENGTH = 0xffff_ffff;
const NOTHING = new Uint8Array(0);
const NONE = -1;

/**
 * The content of a bucket while it is read whole: a million entries are bytes
 * in a few chunks instead of millions of objects. Entries are made when they
 * are asked for; their values are views into the chunks.
 */
export class PackedEntries implements ReadonlyMap<string, KvEntry> {
  readonly #tally: KeyTally;
  readonly #chunks: Buffer[] = [];
  /** By the key's number: chunk × 2²⁰ + place in it, or none. */
  readonly #places: number[] = [];
  #used = CHUNK_BYTES;
  #size = 0;

  /** @param tally numbers the keys, and is added to. */
  constructor(tally: KeyTally) {
    this.#tally = tally;
  }

  get size(): number {
    return this.#size;
  }

  /** Takes a write; a null value takes the key out. */
  set(key: string, value: Uint8Array | null, revision: number): void {
    const number = this.#tally.add(key);
    if (number === this.#places.length) this.#places.push(NONE);
    if (this.#places[number] !== NONE) this.#size--;
    this.#places[number] = value === null ? NONE : this.#write(key, value, revision);
    if (value !== null) this.#size++;
  }

  #write(key: string, value: Uint8Array, revision: number): number {
    const kept = value === OVERSIZED ? NOTHING : value;
    // A key's character takes three bytes at most.
    const needed = HEAD_BYTES + key.length * 3 + kept.length;
    if (this.#used + needed > CHUNK_BYTES) {
      this.#chunks.push(Buffer.allocUnsafeSlow(Math.max(CHUNK_BYTES, needed)));
      this.#used = 0;
    }
    const start = this.#used;
    const chunk = this.#chunks.at(-1)!;
    const keyBytes = chunk.write(key, start + HEAD_BYTES);
    chunk.writeUInt32LE(keyBytes, start);
    chunk.writeUInt32LE(value === OVERSIZED ? OVERSIZED_LENGTH : value.length, start + 4);
    chunk.writeDoubleLE(revision, start + 8);
    chunk.set(kept, start + HEAD_BYTES + keyBytes);
    this.#used = start + HEAD_BYTES + keyBytes + kept.length;
    return (this.#chunks.length - 1) * CHUNK_BYTES + start;
  }

  #read(place: number): KvEntry {
    const chunk = this.#chunks[Math.floor(place / CHUNK_BYTES)]!;
    const start = place % CHUNK_BYTES;
    const keyStart = start + HEAD_BYTES;
    const valueStart = keyStart + chunk.readUInt32LE(start);
    const length = chunk.readUInt32LE(start + 4);
    return {
      key: chunk.toString('utf8', keyStart, valueStart),
      value: length === OVERSIZED_LENGTH ? OVERSIZED : chunk.subarray(valueStart, valueStart + length),
      revision: chunk.readDoubleLE(start + 8),
    };
  }

  get(key: string): KvEntry | undefined {
    const number = this.#tally.find(key);
    const place = this.#places[number] ?? NONE;
    return place === NONE ? undefined : this.#read(place);
  }

  has(key: string): boolean {
    return (this.#places[this.#tally.find(key)] ?? NONE) !== NONE;
  }

  forEach(
    visit: (value: KvEntry, key: string, map: ReadonlyMap<string, KvEntry>) => void,
    thisArg?: unknown,
  ): void {
    for (const entry of this.values()) visit.call(thisArg, entry, entry.key, this);
  }

  *values(): MapIterator<KvEntry> {
    for (const place of this.#places) if (place !== NONE) yield this.#read(place);
  }

  *keys(): MapIterator<string> {
    for (const { key } of this.values()) yield key;
  }

  *entries(): MapIterator<[string, KvEntry]> {
    for (const entry of this.values()) yield [entry.key, entry];
  }

  [Symbol.iterator](): MapIterator<[string, KvEntry]> {
    return this.entries();
  }
}
