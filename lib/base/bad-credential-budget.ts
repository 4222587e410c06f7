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

  /** @param address what is counted as one client, see `addressBucket` in wire. */
  spent(address: string): boolean {
    return this.#sketch.estimate(this.#seed.keyOf(KIND, address)) >= this.#perMinute;
  }

  /** Counts one; the number it returns takes it back. */
  charge(address: string): number {
    return this.#sketch.add(this.#seed.keyOf(KIND, address), 1);
  }

  /** The credential was good after all. `charge` is what `charge` returned. */
  refund(address: string, charge: number): void {
    this.#sketch.change(this.#seed.keyOf(KIND, address), -1, charge);
  }

  /** Until the next bad one is looked at again, 1…3600. */
  retryAfterSeconds(address: string): number {
    const waitMs = this.#sketch.freeInMs(this.#seed.keyOf(KIND, address), 1, this.#perMinute);
    return Math.min(3600, Math.max(1, Math.ceil(waitMs / 1000)));
  }
}
