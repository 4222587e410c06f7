import type { Clock } from '../base/index.ts';
import type { Fact } from '../pipeline/index.ts';

/** Refusals before identification that get a fact of their own, a second (CONTRACT §5). */
const OWN_FACTS_PER_SECOND = 50;

/**
 * Keeps a flood of refusals from filling the journal: past the budget they are
 * summed into one fact per code and second, the first one's with `refusals`.
 */
export class RefusalBudget {
  readonly #clock: Clock;
  readonly #emit: (fact: Fact) => void;
  #second = -1;
  #spent = 0;
  readonly #summed = new Map<string, { first: Fact; count: number }>();
  #timer: NodeJS.Timeout | null = null;

  constructor(clock: Clock, emit: (fact: Fact) => void) {
    this.#clock = clock;
    this.#emit = emit;
  }

  /** True when the fact was taken into a sum; false when it is to be settled as it is. */
  absorb(fact: Fact): boolean {
    const second = Math.floor(this.#clock.monotonicMs() / 1000);
    if (second !== this.#second) {
      this.flush();
      this.#second = second;
      this.#spent = 0;
    }
    if (this.#spent < OWN_FACTS_PER_SECOND) {
      this.#spent++;
      return false;
    }
    const code = fact.errorCode ?? '';
    const sum = this.#summed.get(code);
    if (sum === undefined) this.#summed.set(code, { first: fact, count: 1 });
    else sum.count++;
    this.#timer ??= setTimeout(() => this.flush(), 1000).unref();
    return true;
  }

  /** Emits what was summed. Called at the turn of a second and at close. */
  flush(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    for (const { first, count } of this.#summed.values()) this.#emit({ ...first, refusals: count });
    this.#summed.clear();
  }
}
