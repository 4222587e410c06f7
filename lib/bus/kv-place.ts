import type { KvCursor } from './bus.ts';
import type { KeyTally } from './key-tally.ts';

const MARK = /^(\d{1,15}) (\d{1,16}) (\d{1,20})$/;

/** How a place is recognised: a write that the server still has, and its time there. */
export interface Anchor {
  /** 0: the bucket had nothing that could tell. */
  readonly revision: number;
  /** The server's nanoseconds since 1970, in digits. */
  readonly time: string;
}

/**
 * How far a bucket was read, and what it must look like if nothing was missed:
 * - every key that ever had a write still has one, because a deletion is a
 *   write too; so one key fewer on the server means that something was purged
 *   without a trace;
 * - the write we saw last is still there with the very time it had, or we do
 *   not know whether this is the history we read.
 */
export class KvPlace {
  readonly created: string;
  readonly #keysBefore: number;
  readonly #tally: KeyTally;
  #revision: number;
  #anchor: Anchor;

  /**
   * @param keysBefore keys counted before the tally began. They are counted again when
   * they are written again: then the place does not match, and the bucket is read whole.
   */
  constructor(created: string, revision: number, anchor: Anchor, keysBefore: number, tally: KeyTally) {
    this.created = created;
    this.#revision = revision;
    this.#anchor = anchor;
    this.#keysBefore = keysBefore;
    this.#tally = tally;
  }

  /** Null for a cursor that proves nothing. @param tally an empty one. */
  static from({ created, revision, mark }: KvCursor, tally: KeyTally): KvPlace | null {
    const [, keys, anchored, time] = MARK.exec(mark ?? '') ?? [];
    if (keys === undefined) return null;
    const anchor = { revision: Number(anchored), time: time! };
    return new KvPlace(created, revision, anchor, Number(keys), tally);
  }

  get revision(): number {
    return this.#revision;
  }

  get anchor(): Anchor {
    return this.#anchor;
  }

  /** Keys that the bucket has a write of, deletions included. */
  get keys(): number {
    return this.#keysBefore + this.#tally.size;
  }

  get cursor(): KvCursor {
    const { revision, time } = this.#anchor;
    return {
      created: this.created,
      revision: this.#revision,
      mark: `${this.keys} ${revision} ${time}`,
    };
  }

  advance(key: string, revision: number, time: string): void {
    this.#tally.add(key);
    this.#revision = revision;
    this.#anchor = { revision, time };
  }
}
