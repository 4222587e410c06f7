import type { Degradation, Metric, Warning } from '../pipeline/index.ts';
import type { Appended } from '../store/index.ts';

const RETRY_FIRST_MS = 250;
const RETRY_LAST_MS = 30_000;

/** How bringing facts to a store goes: metrics, warnings, and when to try again. */
export class ShipProgress {
  backlogBytes = 0;
  brokenLines = 0;
  readonly #place: string;
  readonly #meanwhile: string;
  readonly #warn: (warning: Warning) => void;
  readonly #facts = { added: 0, duplicates: 0, conflicts: 0, invalid: 0 };
  #failures = 0;
  #failuresInARow = 0;

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
    if (this.#failuresInARow === 0) return;
    this.#failuresInARow = 0;
    this.#warn({ code: 'store_recovered', message: `The store ${this.#place} takes facts again.` });
  }

  failed(problem: string): void {
    this.#failures++;
    if (this.#failuresInARow++ > 0) return;
    this.#warn({
      code: 'store_failing',
      message: `Facts do not reach the store ${this.#place} (${problem}). ${this.#meanwhile}.`,
    });
  }

  /** Milliseconds to the next try after a failure: doubling, and spread so that several gateways do not come back at once. Null where nothing failed. */
  get retryMs(): number | null {
    if (this.#failuresInARow === 0) return null;
    const ms = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#failuresInARow - 1, 16));
    return ms * (0.5 + Math.random() / 2);
  }

  degraded(): readonly Degradation[] {
    if (this.#failuresInARow === 0) return [];
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
      'weir_store_failures_total',
      'counter',
      'Times that facts could not be brought to the store.',
      () => this.#failures,
    ),
    plain(
      'weir_journal_broken_lines_total',
      'counter',
      'Lines of the journal whose checksum is absent or wrong.',
      () => this.brokenLines,
    ),
  ];
}

function plain(name: string, type: Metric['type'], help: string, value: () => number): Metric {
  return { name, type, help, labels: [], read: () => [{ labels: {}, value: value() }] };
}
