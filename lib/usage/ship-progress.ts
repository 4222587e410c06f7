import type { Degradation, Metric, Warning } from '../pipeline/index.ts';
import type { Appended } from '../store/index.ts';
import { Attempts } from './attempts.ts';
import type { FollowProgress } from './journal-follower.ts';

/** How bringing facts to a store goes: metrics, warnings, and when to try again. */
export class ShipProgress implements FollowProgress {
  backlogBytes = 0;
  behindSinceMs: number | null = null;
  brokenLines = 0;
  readonly #place: string;
  readonly #meanwhile: string;
  readonly #warn: (warning: Warning) => void;
  readonly #facts = { added: 0, duplicates: 0, conflicts: 0, invalid: 0 };
  readonly #attempts = new Attempts();

  /** `meanwhile` says where facts are while the store does not take them. */
  constructor(place: string, meanwhile: string, warn: (warning: Warning) => void) {
    this.#place = place;
    this.#meanwhile = meanwhile;
    this.#warn = warn;
  }

  add({ added, duplicates, conflicts, invalid }: Appended): void {
    this.#facts.added += added;
    this.#facts.duplicates += duplicates;
    this.#facts.conflicts += conflicts;
    this.#facts.invalid += invalid;
    if (conflicts + invalid === 0) return;
    this.#warn({
      code: 'store_conflict',
      message: `${conflicts} facts have an id that the store knows with other contents, ${invalid} cannot be counted. They are kept aside in the store ${this.#place}.`,
    });
  }

  succeeded(): void {
    if (!this.#attempts.succeeded()) return;
    this.#warn({ code: 'store_recovered', message: `The store ${this.#place} takes facts again.` });
  }

  failed(problem: string): void {
    if (!this.#attempts.failed()) return;
    this.#warn({
      code: 'store_failing',
      message: `Facts do not reach the store ${this.#place} (${problem}). ${this.#meanwhile}.`,
    });
  }

  /** Milliseconds to the next try; null where the latest did not fail. */
  get retryMs(): number | null {
    return this.#attempts.retryMs;
  }

  degraded(): readonly Degradation[] {
    if (!this.#attempts.areFailing) return [];
    const message = `facts do not reach the store ${this.#place}`;
    return [{ code: 'store_failing', message, refuses: false }];
  }

  readonly metrics: readonly Metric[] = [
    {
      name: 'weir_store_facts_total',
      type: 'counter',
      help: 'Facts brought to the store: added, known already (duplicates), or kept aside (conflicts, invalid).',
      labels: ['result'],
      read: () => Object.entries(this.#facts).map(([result, value]) => ({ labels: { result }, value })),
    },
    plain(
      'weir_store_backlog_bytes',
      'gauge',
      'Facts that are not in the store yet.',
      () => this.backlogBytes,
    ),
    plain(
      'weir_store_lag_seconds',
      'gauge',
      'For how long the store has not had all that the journal has; 0 where nothing waits.',
      () => lagSeconds(this.behindSinceMs),
    ),
    plain(
      'weir_store_failures_total',
      'counter',
      'Times that facts could not be brought to the store.',
      () => this.#attempts.failures,
    ),
    plain(
      'weir_journal_broken_lines_total',
      'counter',
      'Lines of the journal whose checksum is absent or wrong.',
      () => this.brokenLines,
    ),
  ];
}

/** By the monotonic clock; 0 where nothing waits. */
export function lagSeconds(sinceMs: number | null): number {
  return sinceMs === null ? 0 : (performance.now() - sinceMs) / 1000;
}

function plain(name: string, type: Metric['type'], help: string, value: () => number): Metric {
  return { name, type, help, labels: [], read: () => [{ labels: {}, value: value() }] };
}
