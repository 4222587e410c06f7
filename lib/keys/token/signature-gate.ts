import type { Clock } from '../../base/index.ts';

/**
 * Checks that one thread has under way. The pool's threads also write the
 * journal and resolve names, and share their cores with the thread that relays:
 * with two at once a flood of forged keys was felt there (`bench/flood`), and
 * one makes several times the checks a second that are allowed. What waits,
 * waits here.
 */
const RUNNING_MAX = 1;

/**
 * Bounds what forged keys can cost: a number of checks a second, saved up for
 * one second at most, and one at a time.
 */
export class SignatureGate {
  readonly #clock: Clock;
  readonly #perSecond: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;
  #left: number;
  #refilledMs: number;

  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock;
    this.#perSecond = perSecond;
    this.#left = perSecond;
    this.#refilledMs = clock.monotonicMs();
  }

  /** Takes one check off this second's; false where there is none left. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs();
    const gained = ((nowMs - this.#refilledMs) * this.#perSecond) / 1000;
    this.#left = Math.min(this.#perSecond, this.#left + gained);
    this.#refilledMs = nowMs;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** Runs a check that was taken, in its turn. */
  async run(check: () => Promise<boolean>): Promise<boolean> {
    if (this.#running < RUNNING_MAX) this.#running++;
    else await new Promise<void>(resolve => this.#waiting.push(resolve));
    try {
      return await check();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
