import type { Clock } from '../base/index.ts';

/** Bounds lines that clients can cause: what is past it in a second is left out, the facts sum it up. */
export class LineBudget {
  readonly #clock: Clock;
  readonly #perSecond: number;
  #second = 0;
  #spent = 0;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
  }

  /** Whether one more line may be written in this second. */
  take(): boolean {
    const second = Math.floor(this.#clock.monotonicMs() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#spent = 0;
    }
    return this.#spent++ < this.#perSecond;
  }
}
