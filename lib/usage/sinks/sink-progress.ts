import type { Degradation, Warning } from '../../pipeline/index.ts';
import { Attempts } from '../attempts.ts';
import type { FollowProgress } from '../journal-follower.ts';
import type { FactOutlet } from './fact-outlet.ts';

/** How long a process waits before it asks again whether another one still feeds the sink. */
const STAND_BY_MS = 2000;

/** How bringing facts to one outlet goes. */
export class SinkProgress implements FollowProgress {
  backlogBytes = 0;
  behindSinceMs: number | null = null;
  brokenLines = 0;
  /** Facts that the outlet has taken. */
  facts = 0;
  /** Another process feeds it, from this journal. */
  standsBy = false;
  /** It wants no more. */
  isGone = false;
  readonly name: string;
  readonly #place: string;
  readonly #warn: (warning: Warning) => void;
  readonly #attempts = new Attempts();
  #problem = '';

  constructor({ name, place }: FactOutlet, warn: (warning: Warning) => void) {
    this.name = name;
    this.#place = place;
    this.#warn = warn;
  }

  get failures(): number {
    return this.#attempts.failures;
  }

  get retryMs(): number | null {
    return this.standsBy ? STAND_BY_MS : this.#attempts.retryMs;
  }

  failed(problem: string, afterMs: number | null): void {
    // What waits is not ours to bring.
    if (this.standsBy) {
      this.behindSinceMs = null;
      return;
    }
    this.#problem = problem;
    const isNews = this.#attempts.failed(afterMs);
    if (this.isGone) {
      const message = `No more facts go to ${this.#place}: ${problem}. The journal keeps them; a restart or a reload tries again.`;
      this.#warn({ code: 'sink_gone', message });
    } else if (isNews) {
      const message = `Facts do not reach ${this.#place} (${problem}). The journal keeps them.`;
      this.#warn({ code: 'sink_failing', message });
    }
  }

  succeeded(): void {
    if (!this.#attempts.succeeded()) return;
    this.#warn({ code: 'sink_recovered', message: `Facts reach ${this.#place} again.` });
  }

  degraded(): readonly Degradation[] {
    if (this.isGone) {
      const message = `${this.#place} wants no more facts (${this.#problem})`;
      return [{ code: 'sink_gone', message, refuses: false }];
    }
    if (!this.#attempts.areFailing) return [];
    const message = `facts do not reach ${this.#place} (${this.#problem})`;
    return [{ code: 'sink_failing', message, refuses: false }];
  }
}
