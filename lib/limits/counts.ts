import { type Clock, SharedCounters, SketchSeed, type SketchShape, SlotClock } from '../base/index.ts';
import { Dimension, type DimensionName } from './dimension.ts';
import { Names } from './names.ts';

const WINDOW_MS = 60_000;
/** All requests together are one name: one cell counts them exactly. */
const ONE_CELL: SketchShape = { width: 1, depth: 1 };
/** Room for about 16,000 keys that are in use at the same moment; 0.6 MiB for each thread. */
const CONCURRENCY_ENTRIES = 65_536;

/** All that is counted, which outlives a reload. What no config asks for is never allocated. */
export class Counts {
  readonly time: SlotClock;
  readonly names = new Names();
  readonly dimensions = new Map<DimensionName, Dimension>();
  /** Where keys lie in `concurrency`: every instance its own, for as long as it runs. */
  readonly concurrencySeed = SketchSeed.random();
  /** Messages that were sent to other instances. */
  told = 0;
  #seed = SketchSeed.random();
  #concurrency: SharedCounters | null = null;

  constructor(clock: Clock) {
    this.time = new SlotClock(clock, WINDOW_MS);
  }

  get seed(): SketchSeed {
    return this.#seed;
  }

  /**
   * The counts of a dimension, made where there are none yet. A shape that is
   * another than before takes over without a free window.
   */
  dimension(name: DimensionName, sketch: SketchShape, merged: boolean): Dimension {
    const { width, depth } = name === 'globalRequests' ? ONE_CELL : sketch;
    const known = this.dimensions.get(name);
    if (known === undefined) {
      const made = new Dimension(name, this.time, this.#seed, { width, depth, merged });
      this.dimensions.set(name, made);
      return made;
    }
    const { shape } = known.sketch;
    if (shape.width !== width || shape.depth !== depth || shape.merged !== merged)
      known.renew(this.#seed, { width, depth, merged });
    return known;
  }

  get concurrency(): SharedCounters {
    this.#concurrency ??= new SharedCounters({ entries: CONCURRENCY_ENTRIES, columns: 1 }, 0);
    return this.#concurrency;
  }

  /** Requests that hold a place of their key's at the moment. */
  get concurrencyInUse(): number {
    return this.#concurrency?.total() ?? 0;
  }

  /** Something is still counted under an earlier seed or shape as well. */
  get isReplacing(): boolean {
    return [...this.dimensions.values()].some(dimension => dimension.isReplacing);
  }

  /** From now on names lie where this seed says. Nobody gets a free window by it. */
  adopt(seed: SketchSeed): void {
    this.#seed = seed;
    for (const dimension of this.dimensions.values()) dimension.renew(seed, dimension.sketch.shape);
  }
}
