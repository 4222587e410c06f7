import type { Usage } from '../pipeline/index.ts';
import { statedWord } from './stated.ts';

/** Words by which providers say that a call was billed at their usual rates, or do not say. */
const USUAL: ReadonlySet<string> = new Set([
  'default',
  'standard',
  'auto',
  'on_demand',
  'ON_DEMAND',
  'TRAFFIC_TYPE_UNSPECIFIED',
  'global',
  'not_available',
]);

/**
 * Which of a provider's rates an answer was billed at: its tier, its speed, its
 * place. The last word on each counts, since what was asked for may fall back.
 */
export class StatedRates {
  readonly #words: (string | null)[] = [];

  /** Each column is about another thing; the same order in every call. */
  take(values: readonly unknown[], columns: readonly number[], usage: Usage): void {
    for (let i = 0; i < columns.length; i++) {
      const word = statedWord(values[columns[i]!]);
      if (word !== null) this.#words[i] = USUAL.has(word) ? null : word;
    }
    usage.otherRates = this.#words.find(word => typeof word === 'string') ?? null;
  }
}
