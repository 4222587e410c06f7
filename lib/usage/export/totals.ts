import { csvLine } from './csv.ts';
import { FACT_COLUMNS, type FactValue } from './fact-columns.ts';

/** What facts state together, by the rules of a summary of the store. Sums are null where no fact states any. */
export interface FactTotals {
  /** Rows. A fact may stand for several refusals. */
  readonly facts: number;
  readonly requests: number;
  readonly refused: number;
  /** Have usage, but no known cost: `costNanos` leaves them out. */
  readonly unpriced: number;
  readonly inputTokens: bigint | null;
  readonly outputTokens: bigint | null;
  readonly cachedInputTokens: bigint | null;
  readonly cacheWriteTokens: bigint | null;
  readonly reasoningTokens: bigint | null;
  readonly audioTokens: bigint | null;
  /** USD × 10⁹. */
  readonly costNanos: bigint | null;
}

/** Totals of one file: with the time of its first fact and of its last, null where it has none. */
export interface FileTotals extends FactTotals {
  readonly firstTime: string | null;
  readonly lastTime: string | null;
}

const SUMS = [
  'inputTokens',
  'outputTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'reasoningTokens',
  'audioTokens',
  'costNanos',
] as const;
const COUNTS = ['facts', 'requests', 'refused', 'unpriced'] as const;
const SUM_AT = SUMS.map(at);

function at(name: string): number {
  return FACT_COLUMNS.findIndex(column => column.name === name);
}

const TIME_AT = at('time');
const OUTCOME_AT = at('outcome');
const SOURCE_AT = at('usageSource');
const COST_AT = at('costNanos');
const REFUSALS_AT = at('refusals');
const SUBJECT_AT = at('subject');
const SERVED_AT = at('modelServed');
const REQUESTED_AT = at('modelRequested');

/** Sums facts up, one after the other in the order of their times. */
export class Totals {
  readonly #counts = { facts: 0, requests: 0, refused: 0, unpriced: 0 };
  readonly #sums: (bigint | null)[] = SUMS.map(() => null);
  #firstTime: string | null = null;
  #lastTime: string | null = null;

  add(values: readonly FactValue[]): void {
    const requests = (values[REFUSALS_AT] as number | null) ?? 1;
    this.#counts.facts++;
    this.#counts.requests += requests;
    if (values[OUTCOME_AT] === 'refused') this.#counts.refused += requests;
    if (values[SOURCE_AT] !== 'none' && values[COST_AT] === null) this.#counts.unpriced += requests;
    SUM_AT.forEach((column, i) => {
      const value = values[column] as number | null;
      if (value !== null) this.#sums[i] = (this.#sums[i] ?? 0n) + BigInt(value);
    });
    this.#lastTime = values[TIME_AT] as string;
    this.#firstTime ??= this.#lastTime;
  }

  get value(): FileTotals {
    const sums = Object.fromEntries(SUMS.map((name, i) => [name, this.#sums[i]!]));
    const { firstTime, lastTime } = { firstTime: this.#firstTime, lastTime: this.#lastTime };
    return {
      ...this.#counts,
      ...(sums as Record<(typeof SUMS)[number], bigint | null>),
      firstTime,
      lastTime,
    };
  }
}

/** Totals by subject and model: as served, or where that is unknown as asked for. */
export class Breakdown {
  readonly #groups = new Map<string, Totals>();

  add(values: readonly FactValue[]): void {
    const name = JSON.stringify([values[SUBJECT_AT], values[SERVED_AT] ?? values[REQUESTED_AT]]);
    let totals = this.#groups.get(name);
    if (totals === undefined) {
      totals = new Totals();
      this.#groups.set(name, totals);
    }
    totals.add(values);
  }

  /** As CSV: the same groups give the same bytes, whatever order their facts came in. */
  csv(): string {
    const rows = [...this.#groups.keys()].sort().map(name => {
      const totals = this.#groups.get(name)!.value;
      const words = JSON.parse(name) as FactValue[];
      return csvLine([...words, ...COUNTS.map(count => totals[count]), ...SUMS.map(sum => totals[sum])]);
    });
    return csvLine(['subject', 'model', ...COUNTS, ...SUMS]) + rows.join('');
  }

  get size(): number {
    return this.#groups.size;
  }
}
