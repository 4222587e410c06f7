import { CountMin, cellsOf, SATURATED, type SketchShape } from './count-min.ts';
import type { SketchKey } from './sketch-seed.ts';
import { type SlotClock, WINDOW_SLOTS } from './slot-clock.ts';
import { RING, RING_BYTES, SlotRing } from './slot-ring.ts';

const HEADER_BYTES = 3 * RING_BYTES;
/** Cells that are looked at together for something to publish. */
const BLOCK_CELLS = 1024;
const NOTHING = Buffer.alloc(BLOCK_CELLS * 4);

/** What `take` answers when the limit does not allow it. */
export const REFUSED = -1;

export interface WindowShape extends SketchShape {
  /** Whether counts of other instances are added: it takes twice the memory. */
  readonly merged: boolean;
}

/** Cells of one slot that are to be added to other instances' sketches. */
export interface SlotDelta {
  readonly slot: number;
  /** Ascending. */
  readonly cells: readonly number[];
  readonly counts: readonly number[];
}

/**
 * Counts of names over a sliding window, in fixed memory shared by threads: a
 * count-min sketch for each slot of a `SlotClock`. What is asked about is the
 * slot under way and the 12 whole ones before it, so whatever span of the
 * window's length is looked at, all of it was counted.
 *
 * Where instances work together each slot has two sketches: `fresh` for what
 * was counted here and is not published yet, and `known` for all that was
 * published, here or elsewhere. Both together are the count.
 */
export class WindowSketch {
  readonly shape: WindowShape;
  readonly buffer: SharedArrayBuffer;
  readonly #time: SlotClock;
  readonly #ring: SlotRing;
  /** By place: 1 when `fresh` may have something to publish. */
  readonly #touched: Int32Array;
  /** By place: all that was counted. */
  readonly #totals: Int32Array;
  readonly #fresh: readonly CountMin[];
  readonly #known: readonly CountMin[] | null;

  /** @param buffer another thread's sketch of the same shape, or absent: an empty one. */
  constructor(time: SlotClock, shape: WindowShape, buffer = new SharedArrayBuffer(bytesOf(shape))) {
    this.#time = time;
    this.shape = shape;
    this.buffer = buffer;
    this.#ring = new SlotRing(buffer, place => this.#zero(place));
    this.#touched = new Int32Array(buffer, RING_BYTES, RING);
    this.#totals = new Int32Array(buffer, 2 * RING_BYTES, RING);
    this.#fresh = sketches(shape, buffer, 0);
    this.#known = shape.merged ? sketches(shape, buffer, 1) : null;
  }

  /**
   * Counts n for a name where the window then holds no more than `limit`;
   * otherwise nothing. Adds first, then looks, and takes back what was too
   * much: of threads that come at the same moment some may be refused early,
   * never too many admitted. Returns the slot it was counted in, or `REFUSED`.
   */
  take(key: SketchKey, n: number, limit: number): number {
    for (;;) {
      const slot = this.#time.slot();
      if (!this.#ring.enter(slot)) return REFUSED;
      this.#count(slot, key, n);
      const isOver = this.#exceeds(key, slot, limit);
      const isCurrent = this.#time.reached === slot;
      if (isCurrent && !isOver) return slot;
      this.#count(slot, key, -n);
      if (isCurrent) return REFUSED;
      // A slot began meanwhile: what was looked at was not the whole window.
    }
  }

  /** Counts n for a name, whatever its limit. Returns the slot. */
  add(key: SketchKey, n: number): number {
    const slot = this.#time.slot();
    if (this.#ring.enter(slot)) this.#count(slot, key, n);
    return slot;
  }

  /** Corrects what was counted in a slot. False where that slot has left the window, and with it the count. */
  change(key: SketchKey, n: number, slot: number): boolean {
    if (slot < this.#time.slot() - WINDOW_SLOTS || !this.#ring.has(slot)) return false;
    this.#count(slot, key, n);
    return true;
  }

  /** What the window holds for a name. Never too little. */
  estimate(key: SketchKey): number {
    for (;;) {
      const slot = this.#time.slot();
      const sum = this.#estimateAt(slot, key);
      if (this.#time.reached === slot) return sum;
    }
  }

  /** What a name counted in a slot and has not published yet. */
  unpublished(key: SketchKey, slot: number): number {
    return this.#ring.has(slot) ? this.#fresh[slot % RING]!.estimate(key) : 0;
  }

  /** All that the window holds, over all names: the N of the error bound. */
  total(): number {
    const current = this.#time.slot();
    let sum = 0;
    for (let slot = oldest(current); slot <= this.#latest(current); slot++) {
      if (this.#ring.has(slot)) sum += Atomics.load(this.#totals, slot % RING);
    }
    return sum;
  }

  /** Milliseconds until enough old slots have left for n more. Infinite where n alone is over the limit. */
  freeInMs(key: SketchKey, n: number, limit: number): number {
    const current = this.#time.slot();
    let excess = this.#estimateAt(current, key) + n - limit;
    if (excess <= 0) return 0;
    for (let slot = oldest(current); slot <= this.#latest(current); slot++) {
      if (this.#ring.has(slot)) excess -= this.#estimateIn(slot, key);
      if (excess <= 0) return this.#time.leavesInMs(slot);
    }
    return Number.POSITIVE_INFINITY;
  }

  /**
   * Moves what was counted here since the last time from `fresh` to `known`
   * and returns it, to be published. What is more than `cellsMax` cells waits
   * for the next time. For the one thread that publishes.
   */
  drain(cellsMax: number): SlotDelta[] {
    const current = this.#time.slot();
    const deltas: SlotDelta[] = [];
    let left = cellsMax;
    for (let slot = current; slot >= oldest(current) && left > 0; slot--) {
      if (!this.#ring.has(slot) || Atomics.exchange(this.#touched, slot % RING, 0) === 0) continue;
      const delta = this.#drainSlot(slot, left);
      left -= delta.cells.length;
      if (delta.cells.length > 0) deltas.push(delta);
      if (left === 0) Atomics.store(this.#touched, slot % RING, 1);
    }
    return deltas;
  }

  #drainSlot(slot: number, cellsMax: number): SlotDelta {
    const { cells: fresh } = this.#fresh[slot % RING]!;
    const { cells: known } = this.#known![slot % RING]!;
    const delta: Gathered = { slot, cells: [], counts: [] };
    const bytes = Buffer.from(fresh.buffer, fresh.byteOffset, fresh.byteLength);
    for (let from = 0; from < fresh.length && delta.cells.length < cellsMax; from += BLOCK_CELLS) {
      const end = Math.min(from + BLOCK_CELLS, fresh.length);
      // Most blocks are empty, which native code sees much sooner.
      if (bytes.compare(NOTHING, 0, (end - from) * 4, from * 4, end * 4) === 0) continue;
      move(fresh, known, from, end, delta, cellsMax);
    }
    return delta;
  }

  /**
   * Adds what another instance published; no cell falls below zero by it. False
   * where the slot is neither in the window nor the one after it. Cells must be
   * of this shape. For the one thread that publishes.
   */
  absorb({ slot, cells, counts }: SlotDelta): boolean {
    const current = this.#time.slot();
    if (slot < oldest(current) || slot > current + 1 || !this.#ring.hold(slot, true)) return false;
    const known = this.#known![slot % RING]!;
    for (let i = 0; i < cells.length; i++) {
      const at = cells[i]!;
      const n = Math.max(counts[i]!, -Atomics.load(known.cells, at));
      known.addToCell(at, n);
      if (at < this.shape.width) Atomics.add(this.#totals, slot % RING, n);
    }
    return true;
  }

  #count(slot: number, key: SketchKey, n: number): void {
    const place = slot % RING;
    this.#fresh[place]!.add(key, n);
    Atomics.add(this.#totals, place, n);
    // After the cells: who finds it set has not drained them yet.
    if (this.#known !== null && Atomics.load(this.#touched, place) === 0) {
      Atomics.store(this.#touched, place, 1);
    }
  }

  /** One row mostly tells that a name is below its limit; only near it the others are asked. */
  #exceeds(key: SketchKey, current: number, limit: number): boolean {
    let sum = 0;
    for (let slot = oldest(current); slot <= this.#latest(current); slot++) {
      if (this.#ring.has(slot)) sum += this.#rowIn(slot, key);
    }
    return sum > limit && this.#estimateAt(current, key) > limit;
  }

  #estimateAt(current: number, key: SketchKey): number {
    let sum = 0;
    for (let slot = oldest(current); slot <= this.#latest(current); slot++) {
      if (this.#ring.has(slot)) sum += this.#estimateIn(slot, key);
    }
    return sum;
  }

  #rowIn(slot: number, key: SketchKey): number {
    const fresh = this.#fresh[slot % RING]!;
    return this.#known === null
      ? fresh.rowCount(0, key)
      : fresh.rowCountWith(this.#known[slot % RING]!, 0, key);
  }

  #estimateIn(slot: number, key: SketchKey): number {
    const fresh = this.#fresh[slot % RING]!;
    return this.#known === null ? fresh.estimate(key) : fresh.estimateWith(this.#known[slot % RING]!, key);
  }

  /** Other instances' clocks may be in the next slot already. */
  #latest(current: number): number {
    return this.#known === null ? current : current + 1;
  }

  #zero(place: number): void {
    this.#fresh[place]!.cells.fill(0);
    if (this.#known !== null) this.#known[place]!.cells.fill(0);
    Atomics.store(this.#touched, place, 0);
    Atomics.store(this.#totals, place, 0);
  }
}

interface Gathered extends SlotDelta {
  readonly cells: number[];
  readonly counts: number[];
}

/** Moves the cells of a range from one sketch to another and says what was moved. */
function move(
  fresh: Int32Array,
  known: Int32Array,
  from: number,
  end: number,
  { cells, counts }: Gathered,
  cellsMax: number,
): void {
  for (let at = from; at < end && cells.length < cellsMax; at++) {
    if (fresh[at] === 0) continue;
    const n = Atomics.load(fresh, at);
    // A full cell stays: it has lost count.
    if (n === 0 || n >= SATURATED || n + Atomics.load(known, at) >= SATURATED) continue;
    // The sum of both may be too large for a moment, never too small.
    if (n > 0) Atomics.add(known, at, n);
    Atomics.sub(fresh, at, n);
    if (n < 0) Atomics.add(known, at, n);
    cells.push(at);
    counts.push(n);
  }
}

function oldest(current: number): number {
  return Math.max(0, current - WINDOW_SLOTS);
}

function bytesOf(shape: WindowShape): number {
  return HEADER_BYTES + RING * cellsOf(shape) * (shape.merged ? 8 : 4);
}

/** The sketches of one kind, by place. Those of one place lie together. */
function sketches(shape: WindowShape, buffer: SharedArrayBuffer, nth: 0 | 1): CountMin[] {
  const cells = cellsOf(shape);
  const perPlace = shape.merged ? 2 : 1;
  return Array.from({ length: RING }, (_, place) => {
    const from = HEADER_BYTES + (place * perPlace + nth) * cells * 4;
    return new CountMin(shape, new Int32Array(buffer, from, cells));
  });
}
