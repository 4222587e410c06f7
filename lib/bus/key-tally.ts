import { randomInt } from 'node:crypto';

const WORDS = 3;
const FIRST_SLOTS = 1024;
/** Past this share the table grows. */
const FULL = 0.75;

/**
 * Numbers distinct keys from 0 in the order they first come, in 12 bytes of a
 * table for each (at most 25 MB for a million). Keys are known by 64 bits of a
 * hash with a seed of its own: two of a million are taken for one once in
 * thirty million tallies.
 */
export class KeyTally {
  readonly #seed = [randomInt(2 ** 32), randomInt(2 ** 32)] as const;
  /** Slots of two hash words and the number plus one; 0 there is an empty slot. */
  #slots: Uint32Array;
  #mask: number;
  #size = 0;
  #high = 0;
  #low = 0;

  /** @param expected how many keys to have room for at once; more may come. */
  constructor(expected: number) {
    let slots = FIRST_SLOTS;
    while (slots * FULL < expected) slots *= 2;
    this.#slots = new Uint32Array(slots * WORDS);
    this.#mask = slots - 1;
  }

  /** Distinct keys so far. */
  get size(): number {
    return this.#size;
  }

  /** The key's number; the next free one for a key that has none yet. */
  add(key: string): number {
    const at = this.#slotOf(key);
    if (this.#slots[at + 2] !== 0) return this.#slots[at + 2]! - 1;
    this.#slots[at] = this.#high;
    this.#slots[at + 1] = this.#low;
    this.#slots[at + 2] = ++this.#size;
    if (this.#size > (this.#mask + 1) * FULL) this.#grow();
    return this.#size - 1;
  }

  /** The key's number, -1 for one that was not added. */
  find(key: string): number {
    return this.#slots[this.#slotOf(key) + 2]! - 1;
  }

  #slotOf(key: string): number {
    let high = this.#seed[0];
    let low = this.#seed[1];
    for (let i = 0; i < key.length; i++) {
      const unit = key.charCodeAt(i);
      high = Math.imul(high ^ unit, 0x9e3779b1);
      low = Math.imul((low << 5) ^ (low >>> 27) ^ unit, 0x85ebca6b);
    }
    high = Math.imul(high ^ (high >>> 15), 0x2c1b3c6d);
    low = Math.imul(low ^ (low >>> 13), 0x297a2d39);
    this.#high = (high ^ (high >>> 16) ^ (low >>> 9)) >>> 0;
    this.#low = (low ^ (low >>> 16)) >>> 0;
    return this.#probe(this.#high, this.#low);
  }

  /** Where that hash is, or the empty slot where it belongs. */
  #probe(high: number, low: number): number {
    const slots = this.#slots;
    for (let slot = low & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const at = slot * WORDS;
      if (slots[at + 2] === 0 || (slots[at] === high && slots[at + 1] === low)) return at;
    }
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(old.length * 2);
    this.#mask = this.#mask * 2 + 1;
    for (let from = 0; from < old.length; from += WORDS) {
      if (old[from + 2] === 0) continue;
      const at = this.#probe(old[from]!, old[from + 1]!);
      this.#slots.set(old.subarray(from, from + WORDS), at);
    }
  }
}
