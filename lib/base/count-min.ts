import type { SketchKey } from './sketch-seed.ts';

export interface SketchShape {
  /** Cells in a row: a power of two. */
  readonly width: number;
  /** Rows: 1…8. */
  readonly depth: number;
}

/** A cell that reached this stays where it is until it is zeroed: it counts as endless. */
export const SATURATED = 2 ** 30;
/** The most that may be added at once, so that many threads together cannot wrap a cell. */
export const ADD_MAX = 2 ** 24;

/**
 * Counts of any number of names in fixed memory, shared by all threads that
 * hold its cells (Cormode, Muthukrishnan: An improved data stream summary, 2005).
 * An estimate is never below the true count. Over a total of N it is above it
 * by more than e/width · N with a probability of at most e^-depth.
 *
 * The update is the plain one, so sketches are linear: what was added can be
 * taken back, and sketches of one shape and seed add up cell by cell.
 */
export class CountMin {
  readonly cells: Int32Array;
  readonly #width: number;
  readonly #depth: number;
  readonly #mask: number;

  /** @param cells width × depth of them, in shared memory where threads share the counts. */
  constructor(shape: SketchShape, cells: Int32Array) {
    if (cells.length !== cellsOf(shape)) throw new RangeError('cells do not fit the shape');
    this.cells = cells;
    this.#width = shape.width;
    this.#depth = shape.depth;
    this.#mask = shape.width - 1;
  }

  /** @param n at most `ADD_MAX`; negative takes back what was added before. */
  add(key: SketchKey, n: number): void {
    for (let row = 0; row < this.#depth; row++) this.addToCell(this.#cellOf(row, key), n);
  }

  addToCell(at: number, n: number): void {
    if (n < 0) this.#lower(at, n);
    else if (Atomics.add(this.cells, at, n) >= SATURATED) Atomics.sub(this.cells, at, n);
  }

  /** A cell that is full has lost count, so nothing may lower it any more. */
  #lower(at: number, n: number): void {
    let seen = Atomics.load(this.cells, at);
    while (seen < SATURATED) {
      const held = Atomics.compareExchange(this.cells, at, seen, seen + n);
      if (held === seen) return;
      seen = held;
    }
  }

  #cellOf(row: number, key: SketchKey): number {
    return row * this.#width + (key[row]! & this.#mask);
  }

  /** What one row says: never below the count, often above the estimate. */
  rowCount(row: number, key: SketchKey): number {
    return Atomics.load(this.cells, this.#cellOf(row, key));
  }

  estimate(key: SketchKey): number {
    let least = this.rowCount(0, key);
    for (let row = 1; row < this.#depth; row++) least = Math.min(least, this.rowCount(row, key));
    return least;
  }

  /** As `rowCount`, for what two sketches hold together, while counts may be on their way from this one to the other. */
  rowCountWith(other: CountMin, row: number, key: SketchKey): number {
    const at = this.#cellOf(row, key);
    const before = Atomics.load(this.cells, at);
    const there = Atomics.load(other.cells, at);
    return Math.max(before, Atomics.load(this.cells, at)) + there;
  }

  /** As `estimate`, for what two sketches hold together. */
  estimateWith(other: CountMin, key: SketchKey): number {
    let least = this.rowCountWith(other, 0, key);
    for (let row = 1; row < this.#depth; row++) {
      least = Math.min(least, this.rowCountWith(other, row, key));
    }
    return least;
  }
}

export function cellsOf({ width, depth }: SketchShape): number {
  return width * depth;
}
