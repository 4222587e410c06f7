import {
  ADD_MAX,
  REFUSED,
  type SketchSeed,
  type SlotClock,
  WINDOW_SLOTS,
  type WindowShape,
  WindowSketch,
} from '../base/index.ts';
import type { CountedName } from './counted-name.ts';

/** Everything that can be limited by rate. The place in this list is its number between instances: only ever append. */
export const DIMENSIONS = [
  'keyRequests',
  'subjectRequests',
  'addressRequests',
  'globalRequests',
  'keyTokens',
  'subjectTokens',
] as const;

export type DimensionName = (typeof DIMENSIONS)[number];

/** The largest limit that is held; cells could not count further. */
export const LIMIT_MAX = 1_000_000_000;

/** An instance tells the others at once when it has admitted this share of a limit that they do not know of. */
const UNTOLD_SHARE = 1 / 16;

/** A sketch, the seed its names lie under, and the first slot in which it is no longer needed. */
interface Part {
  readonly seed: SketchSeed;
  readonly sketch: WindowSketch;
  readonly untilSlot: number;
}

/** One thing that was counted, until it leaves the window. */
export class Counted {
  readonly #sketch: WindowSketch;
  readonly #seed: SketchSeed;
  readonly #name: CountedName;
  readonly #slot: number;
  /** The same in a sketch that is being replaced. */
  readonly older: Counted | null;
  #n: number;

  constructor(part: Part, name: CountedName, n: number, slot: number, older: Counted | null) {
    this.#sketch = part.sketch;
    this.#seed = part.seed;
    this.#name = name;
    this.#n = n;
    this.#slot = slot;
    this.older = older;
  }

  /**
   * Makes it another number, in the slot it was counted in. Where that slot has
   * left the window, what is more than before counts from now on.
   */
  become(n: number): void {
    this.older?.become(n);
    const more = Math.min(n, ADD_MAX) - this.#n;
    this.#n += more;
    if (more === 0) return;
    const key = this.#name.under(this.#seed);
    if (!this.#sketch.change(key, more, this.#slot) && more > 0) this.#sketch.add(key, more);
  }
}

/** Requests or tokens of one kind of name over the last minute. */
export class Dimension {
  readonly name: DimensionName;
  readonly #time: SlotClock;
  /** Called when other instances should hear of what was counted soon. */
  onUntold: (() => void) | null = null;
  #part: Part;
  /** Sketches that were replaced: until a window has passed they know what the new one does not. */
  #older: readonly Part[] = [];

  constructor(name: DimensionName, time: SlotClock, seed: SketchSeed, shape: WindowShape) {
    this.name = name;
    this.#time = time;
    this.#part = openPart(time, seed, shape);
  }

  get sketch(): WindowSketch {
    return this.#part.sketch;
  }

  /** A sketch that was replaced is still needed. */
  get isReplacing(): boolean {
    this.#dropOld();
    return this.#older.length > 0;
  }

  /**
   * Goes on with another seed or shape. Both count until a whole window has
   * passed since, and both must have room: the change gives nobody a free window.
   */
  renew(seed: SketchSeed, shape: WindowShape): void {
    const untilSlot = this.#time.slot() + WINDOW_SLOTS + 1;
    this.#older = [...this.#older, { ...this.#part, untilSlot }];
    this.#part = openPart(this.#time, seed, shape);
  }

  /**
   * Counts n (at most `ADD_MAX`) where the window then holds no more than
   * `limit`, else nothing. Synchronous: of any number of requests at the same
   * moment no more than the limit get through.
   */
  take(name: CountedName, n: number, limit: number): Counted | null {
    if (this.#older.length > 0) this.#dropOld();
    let older: Counted | null = null;
    for (const part of this.#older) {
      const counted = takeFrom(part, name, n, limit, older);
      if (counted === null) {
        older?.become(0);
        return null;
      }
      older = counted;
    }
    const counted = takeFrom(this.#part, name, n, limit, older);
    if (counted === null) older?.become(0);
    else if (this.onUntold !== null) this.#checkUntold(name, limit, this.onUntold);
    return counted;
  }

  #checkUntold(name: CountedName, limit: number, tell: () => void): void {
    const { seed, sketch } = this.#part;
    if (sketch.unpublished(name.under(seed), this.#time.reached) > limit * UNTOLD_SHARE) tell();
  }

  /** What the window holds for a name. Never too little. */
  estimate(name: CountedName): number {
    let most = 0;
    for (const { seed, sketch } of this.#parts()) most = Math.max(most, sketch.estimate(name.under(seed)));
    return most;
  }

  /** Until n more are within the limit, 1…3600. */
  retryAfterSeconds(name: CountedName, n: number, limit: number): number {
    let waitMs = 0;
    for (const { seed, sketch } of this.#parts()) {
      waitMs = Math.max(waitMs, sketch.freeInMs(name.under(seed), n, Math.min(limit, LIMIT_MAX)));
    }
    return Math.min(3600, Math.max(1, Math.ceil(waitMs / 1000)));
  }

  /** Until all that is counted now has left the window. */
  resetSeconds(): number {
    return Math.max(1, Math.ceil(this.#time.leavesInMs(this.#time.slot()) / 1000));
  }

  #parts(): readonly Part[] {
    return [this.#part, ...this.#older];
  }

  #dropOld(): void {
    const slot = this.#time.slot();
    this.#older = this.#older.filter(({ untilSlot }) => untilSlot > slot);
  }
}

function openPart(time: SlotClock, seed: SketchSeed, shape: WindowShape): Part {
  return { seed, sketch: new WindowSketch(time, shape), untilSlot: Number.POSITIVE_INFINITY };
}

function takeFrom(
  part: Part,
  name: CountedName,
  n: number,
  limit: number,
  older: Counted | null,
): Counted | null {
  const slot = part.sketch.take(name.under(part.seed), n, Math.min(limit, LIMIT_MAX));
  return slot === REFUSED ? null : new Counted(part, name, n, slot, older);
}
