import type { Clock } from './clock.ts';
import { SketchSeed } from './sketch-seed.ts';
import { SlotClock } from './slot-clock.ts';
import { WindowSketch } from './window-sketch.ts';

const MINUTE_MS = 60_000;
/** 16 MiB, resident only as far as used: wide enough that an attacker with many addresses does not spend the budget of others. */
const SHAPE = { width: 65_536, depth: 4, merged: false };
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

  /** How many more are looked at in this minute. @param address what is counted as one client, see `addressBucket` in wire. */
  left(address: string): number {
    return Math.max(0, this.#perMinute - this.#sketch.estimate(this.#seed.keyOf(KIND, address)));
  }

  spent(address: string): boolean {
    return this.left(address) === 0;
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
