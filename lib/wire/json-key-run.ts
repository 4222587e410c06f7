import { BACKSLASH, LINE_FEED, QUOTE, STRING_STOP } from './json-bytes.ts';
import type { PointerNode } from './pointer-set.ts';

/**
 * Reads the name of an object member, in any split, and finds the place it
 * leads to. Only a name with escapes ever becomes a string.
 */
export class JsonKeyRun {
  /** Where the name just read leads, null for nowhere. */
  found: PointerNode | null = null;
  readonly #bytes: Buffer;
  #length = 0;
  #escaped = false;
  #escape = false;

  /** `maxNameBytes`: of the longest name that matters. */
  constructor(maxNameBytes: number) {
    // A byte of a name takes at most six in JSON text, as in \u0061.
    this.#bytes = Buffer.allocUnsafe(maxNameBytes * 6);
  }

  /** The opening quote was just read. */
  open(): void {
    this.#length = 0;
    this.#escaped = false;
    this.#escape = false;
  }

  /**
   * Reads on from `at`. The index after the closing quote, `found` being set;
   * or `end + 1` where the name goes on; or -1 where it is malformed.
   */
  read(node: PointerNode, chunk: Buffer, at: number, end: number): number {
    let stop = at;
    if (this.#length === 0 && !this.#escape) {
      while (stop < end && STRING_STOP[chunk[stop]!] === 0) stop++;
      if (stop < end && chunk[stop] === QUOTE) {
        this.found = node.member(chunk, at, stop);
        return stop + 1;
      }
    }
    for (; stop < end; stop++) {
      const byte = chunk[stop]!;
      if (byte === LINE_FEED) return -1;
      if (this.#escape) {
        this.#escape = false;
      } else if (byte === BACKSLASH) {
        this.#escape = true;
        this.#escaped = true;
      } else if (byte === QUOTE) {
        this.#keep(chunk, at, stop);
        return this.#resolve(node) ? stop + 1 : -1;
      }
    }
    this.#keep(chunk, at, end);
    return end + 1;
  }

  #keep(chunk: Buffer, start: number, end: number): void {
    const length = this.#length + end - start;
    if (length <= this.#bytes.length) chunk.copy(this.#bytes, this.#length, start, end);
    this.#length = length;
  }

  #resolve(node: PointerNode): boolean {
    this.found = null;
    if (this.#length > this.#bytes.length) return true;
    if (!this.#escaped) {
      this.found = node.member(this.#bytes, 0, this.#length);
      return true;
    }
    try {
      const name = JSON.parse(`"${this.#bytes.toString('utf8', 0, this.#length)}"`) as string;
      this.found = node.byName.get(name) ?? null;
      return true;
    } catch {
      return false;
    }
  }
}
