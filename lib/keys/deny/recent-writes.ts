import type { Clock } from '../../base/index.ts';
import type { KvCursor } from '../../bus/index.ts';

/** By then the bus has delivered what it accepted, or it never will. */
const OWN_MS = 30_000;
/** Deliveries that are further out of order do not happen. */
const REMOVALS_MAX = 10_000;

interface OwnWrite {
  readonly revision: number;
  /** Of which bucket, as far as that was known. */
  readonly created: string | null;
  readonly atMs: number;
}

/**
 * What revisions alone do not tell: writes of our own that were not delivered
 * back yet, and at which revision keys were removed, so that an older write that
 * is delivered late does not bring one back.
 */
export class RecentWrites {
  readonly #clock: Clock;
  readonly #own = new Map<string, OwnWrite>();
  readonly #removals = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a write of our own was not delivered yet. */
  get hasOwn(): boolean {
    return this.#own.size > 0;
  }

  put(key: string, revision: number, created: string | null): void {
    this.#own.set(key, { revision, created, atMs: this.#clock.monotonicMs() });
  }

  delivered(key: string, revision: number): void {
    if (this.#own.size === 0) return;
    const own = this.#own.get(key);
    if (own !== undefined && own.revision <= revision) this.#own.delete(key);
  }

  /** The bucket was read as far as the cursor. Gives the keys of own writes that came after that. */
  read({ created, revision }: KvCursor): readonly string[] {
    this.#removals.clear();
    for (const [key, own] of this.#own) {
      const isOfAnother = own.created !== null && own.created !== created;
      if (isOfAnother || own.revision <= revision) this.#own.delete(key);
    }
    return [...this.#own.keys()];
  }

  /** Everything the bucket has was delivered. Gives own writes, with their revisions, that should have been among it by now. */
  lost(): readonly (readonly [key: string, revision: number])[] {
    const nowMs = this.#clock.monotonicMs();
    const lost = [...this.#own].filter(([, { atMs }]) => nowMs - atMs > OWN_MS);
    for (const [key] of lost) this.#own.delete(key);
    return lost.map(([key, { revision }]) => [key, revision] as const);
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
}
