import type { Clock } from '../../lib/base/index.ts';

/** 2027-01-15, in the middle of nowhere. */
const START_MS = 1_800_000_003_210;

/** Time that passes only when told to. */
export class HeldClock implements Clock {
  #wallMs: number;
  #monotonicMs = 12_345.678;

  constructor(startMs = START_MS) {
    this.#wallMs = startMs;
  }

  wallMs(): number {
    return this.#wallMs;
  }

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  pass(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
  }

  /** Somebody sets the wall clock. */
  jump(ms: number): void {
    this.#wallMs += ms;
  }
}
