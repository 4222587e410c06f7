import type { Clock } from './clock.ts';
import { SketchSeed } from './sketch-seed.ts';
import { SlotClock } from './slot-clock.ts';
import { WindowSketch } from './window-sketch.ts';

const MINUTE_MS = 60_000;
/** 1 MiB in all. Bad credentials are rare; where they are not, a few more are refused than must be. */
const SHAPE = { width: 4096, depth: 4, merged: false };
const KIND = 'bad-credential';

/** How many bad credentials came from each address in the last minute, in fixed memory whatever the number of addresses. */
export class BadCredentialBudget {
  readonly #perMinute: number;
  readonly #seed: SketchSeed;
  readonly #sketch: WindowSketch;

  constructor(perMinute: number, clock: Clock, seed = SketchSeed.random()) {
    this.#perMinute = perMinute;
    this.#seed = seed;
    this.#sketch = new WindowSketch(new SlotClock(clock, MINUTE_MS), SHAPE);
  }

  /** @param address what is counted as one client, see `addressBucket` in wire. */
  spent(address: string): boolean {
    return this.#sketch.estimate(this.#seed.keyOf(KIND, address)) >= this.#perMinute;
  }

  charge(address: string): void {
    this.#sketch.add(this.#seed.keyOf(KIND, address), 1);
  }

  /** Until the next bad one is looked at again, 1…3600. */
  retryAfterSeconds(address: string): number {
    const waitMs = this.#sketch.freeInMs(this.#seed.keyOf(KIND, address), 1, this.#perMinute);
    return Math.min(3600, Math.max(1, Math.ceil(waitMs / 1000)));
  }
}
