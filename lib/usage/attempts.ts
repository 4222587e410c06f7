const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 30_000;

/** Tries of something that fails for a while: when to try again, and when there is something new to say. */
export class Attempts {
  #failures = 0;
  #inARow = 0;
  #askedMs: number | null = null;

  /** Failed tries so far. */
  get failures(): number {
    return this.#failures;
  }

  /** The latest try failed. */
  get areFailing(): boolean {
    return this.#inARow > 0;
  }

  /** True at the first failure of a row. `afterMs`: the other side asked not to be tried sooner. */
  failed(afterMs: number | null = null): boolean {
    this.#failures++;
    this.#askedMs = afterMs;
    return this.#inARow++ === 0;
  }

  /** True at the first success after failures. */
  succeeded(): boolean {
    const isNew = this.#inARow > 0;
    this.#inARow = 0;
    this.#askedMs = null;
    return isNew;
  }

  /** Milliseconds to the next try after a failure: doubling, and spread so that several gateways do not come back at once. Null where nothing failed. */
  get retryMs(): number | null {
    if (this.#inARow === 0) return null;
    const ms = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#inARow - 1, 16));
    return Math.max(ms * (0.5 + Math.random() / 2), this.#askedMs ?? 0);
  }
}
