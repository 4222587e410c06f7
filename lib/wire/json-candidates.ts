import { jsonValue } from './json-value.ts';
import type { PointerNode } from './pointer-set.ts';

const EMPTY = Buffer.alloc(0);
const FIRST_HELD_BYTES = 2048;
/** Longer strings are not expected to repeat. */
const REPEATED_BYTES = 64;

/**
 * The wanted values of one document while they are read: where each one began,
 * the bytes of those that a chunk boundary cut, and what the finished ones
 * parsed to. A document may take `limitBytes` of values (a value inside another
 * counts twice) and never holds more; what does not fit is dropped and the scan
 * goes on. Which ones fit does not depend on where the chunks were cut.
 */
export class JsonCandidates {
  /** By pointer, undefined where absent. The same array for all documents. */
  readonly values: unknown[];
  /** A value of this document did not fit. */
  dropped = false;
  /** The nesting level of the innermost open value, -1 for none. */
  level = -1;
  readonly #limitBytes: number;
  /** Values begun and not ended, outermost first; starts count from where the outermost began. */
  readonly #openNode: PointerNode[] = [];
  readonly #openLevel: number[] = [];
  readonly #openStart: number[] = [];
  #open = 0;
  #held = EMPTY;
  #heldBytes = 0;
  /** First byte of the current chunk that is not held. */
  #from = 0;
  #takenBytes = 0;
  /** The last plain string at each node: they repeat from event to event. */
  readonly #last: (string | null)[];

  constructor(pointerCount: number, nodeCount: number, limitBytes: number) {
    this.values = new Array<unknown>(pointerCount).fill(undefined);
    this.#last = new Array<string | null>(nodeCount).fill(null);
    this.#limitBytes = limitBytes;
  }

  /** A wanted value begins at `chunk[at]`. */
  begin(node: PointerNode, level: number, at: number): void {
    if (this.#open === 0) this.#from = at;
    this.#openNode[this.#open] = node;
    this.#openLevel[this.#open] = level;
    this.#openStart[this.#open] = this.#heldBytes + at - this.#from;
    this.#open++;
    this.level = level;
  }

  /** The innermost open value ended before `chunk[at]`. False if it was no JSON after all. */
  end(chunk: Buffer, at: number): boolean {
    const node = this.#openNode[this.#open - 1]!;
    const bytes = this.#heldBytes + at - this.#from - this.#openStart[this.#open - 1]!;
    let value: unknown;
    if (this.#takenBytes + bytes > this.#limitBytes) {
      this.dropped = true;
    } else {
      value = this.#parse(node, chunk, at, bytes);
      if (value === undefined) return false;
      this.#takenBytes += bytes;
      // One character per byte: nothing was escaped, so equal bytes are this string again.
      if (bytes <= REPEATED_BYTES && typeof value === 'string' && value.length === bytes - 2) {
        this.#last[node.id] = value;
      }
    }
    for (let k = 0; k < node.values.length; k++) this.values[node.values[k]!] = value;
    if (--this.#open === 0) this.#heldBytes = 0;
    this.level = this.#open === 0 ? -1 : this.#openLevel[this.#open - 1]!;
    return true;
  }

  #parse(node: PointerNode, chunk: Buffer, at: number, bytes: number): unknown {
    const last = this.#last[node.id]!;
    if (this.#openStart[this.#open - 1]! >= this.#heldBytes) return jsonValue(chunk, at - bytes, at, last);
    // What is dropped here is outside this value, which fits: see end().
    this.hold(chunk, at);
    return jsonValue(this.#held, this.#heldBytes - bytes, this.#heldBytes, last);
  }

  /** The current chunk ends at `end`: keeps what open values need of it. */
  hold(chunk: Buffer, end: number): void {
    while (this.#open > 0 && this.#heldBytes + end - this.#from > this.#limitBytes - this.#takenBytes) {
      this.#dropOutermost();
    }
    if (this.#open === 0) return;
    const bytes = this.#heldBytes + end - this.#from;
    if (bytes > this.#held.length) this.#grow(bytes);
    chunk.copy(this.#held, this.#heldBytes, this.#from, end);
    this.#heldBytes = bytes;
    this.#from = end;
  }

  /** The next chunk begins at `start`. */
  resume(start: number): void {
    this.#from = start;
  }

  #dropOutermost(): void {
    this.dropped = true;
    this.#open--;
    if (this.#open === 0) {
      this.#heldBytes = 0;
      this.level = -1;
      return;
    }
    const shift = this.#openStart[1]!;
    if (shift <= this.#heldBytes) {
      this.#held.copyWithin(0, shift, this.#heldBytes);
      this.#heldBytes -= shift;
    } else {
      this.#from += shift - this.#heldBytes;
      this.#heldBytes = 0;
    }
    for (let k = 0; k < this.#open; k++) {
      this.#openNode[k] = this.#openNode[k + 1]!;
      this.#openLevel[k] = this.#openLevel[k + 1]!;
      this.#openStart[k] = this.#openStart[k + 1]! - shift;
    }
  }

  #grow(bytes: number): void {
    let size = Math.max(FIRST_HELD_BYTES, this.#held.length);
    while (size < bytes) size *= 2;
    const held = Buffer.allocUnsafeSlow(size);
    this.#held.copy(held, 0, 0, this.#heldBytes);
    this.#held = held;
  }

  /** A repeated key starts this place anew: what the earlier one gave is void. */
  forget(node: PointerNode): void {
    for (const index of node.covered) this.values[index] = undefined;
  }

  /** The document is over, whichever way. */
  clear(): void {
    for (let i = 0; i < this.values.length; i++) this.values[i] = undefined;
    this.dropped = false;
    this.#open = 0;
    this.#heldBytes = 0;
    this.#takenBytes = 0;
    this.level = -1;
  }
}
