import type { Metric } from '../pipeline/index.ts';

/** How it ended: the answer came whole; a limit was reached; the provider broke it off; the gateway had to stop it. */
export const DRAIN_ENDS = ['whole', 'limit', 'broken', 'cancelled'] as const;

export type DrainEnd = (typeof DRAIN_ENDS)[number];

/** At one time. Each holds a connection to its provider and its place among the exchanges in flight. */
const DRAINS_MAX = 100;

type Tally = Record<DrainEnd | 'refused', number>;

/** Counts the answers that are read on after their client left. One for a process. */
export class Drains {
  #running = 0;
  /** By provider: those of the configs so far. */
  readonly #tallies = new Map<string, Tally>();

  /** False where there are enough already: such an answer is cancelled. */
  begin(provider: string): boolean {
    if (this.#running === DRAINS_MAX) {
      this.#of(provider).refused++;
      return false;
    }
    this.#running++;
    return true;
  }

  end(provider: string, how: DrainEnd): void {
    this.#running--;
    this.#of(provider)[how]++;
  }

  #of(provider: string): Tally {
    let tally = this.#tallies.get(provider);
    if (tally === undefined) {
      tally = { whole: 0, limit: 0, broken: 0, cancelled: 0, refused: 0 };
      this.#tallies.set(provider, tally);
    }
    return tally;
  }

  readonly metrics: readonly Metric[] = [
    {
      name: 'weir_draining_exchanges',
      type: 'gauge',
      help: 'Answers being read on for their usage, their client having left.',
      labels: [],
      read: () => [{ labels: {}, value: this.#running }],
    },
    {
      name: 'weir_drained_exchanges_total',
      type: 'counter',
      help: 'Answers whose client left where the provider is configured to be read on, by how that ended.',
      labels: ['provider', 'end'],
      read: () =>
        [...this.#tallies].flatMap(([provider, tally]) =>
          Object.entries(tally)
            .filter(([, value]) => value > 0)
            .map(([end, value]) => ({ labels: { provider, end }, value })),
        ),
    },
  ];
}
