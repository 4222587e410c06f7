import type { Clock } from '../../base/index.ts';

/** By then the bus has delivered what it accepted, or it never will. */
const OWN_MS = 30_000;
/** Deliveries that are further out of order do not happen. */
const REMOVALS_MAX = 10_000;

/**
 * What revisions alone do not tell: writes of our own that were not delivered
 * back yet, and at which revision keys were removed, so that an older write that
 * is delivered late does not bring one back.
 */
export class RecentWrites {
  readonly #clock: Clock;
  readonly #own = new Map<string, { readonly revision: number; readonly atMs: number }>();
  readonly #removals = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  put(key: string, revision: number): void {
    this.#forgetOld();
    this.#own.set(key, { revision, atMs: this.#clock.monotonicMs() });
  }

  delivered(key: string, revision: number): void {
    const own = this.#own.get(key);
    if (own !== undefined && own.revision <= revision) this.#own.delete(key);
  }

  /** Keys of own writes that were not delivered yet. */
  own(): readonly string[] {
    this.#forgetOld();
    return [...this.#own.keys()];
  }

  removed(key: string, revision: number): void {
    this.#own.delete(key);
    // To the end of the order in which they are forgotten.
    this.#removals.delete(key);
    this.#removals.set(key, revision);
    if (this.#removals.size <= REMOVALS_MAX) return;
    const [oldest] = this.#removals.keys();
    this.#removals.delete(oldest!);
  }

  /** The revision at which a key was removed, 0 where that is not known. */
  removedAt(key: string): number {
    return this.#removals.get(key) ?? 0;
  }

  forgetRemovals(): void {
    this.#removals.clear();
  }

  #forgetOld(): void {
    const nowMs = this.#clock.monotonicMs();
    for (const [key, { atMs }] of this.#own) if (nowMs - atMs > OWN_MS) this.#own.delete(key);
  }
}
