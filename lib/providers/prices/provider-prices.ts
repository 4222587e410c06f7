import type { PriceList } from '../../pipeline/index.ts';
import type { ModelPrice } from './price.ts';
import type { PriceTable } from './price-list.ts';

/** Who stated a price: the config's own `prices`, the list of `usage.prices`, or the provider's row. */
export type PriceOrigin = 'config' | 'list' | 'row';

/** A price, and by what it was found. */
export interface FoundPrice {
  readonly from: PriceOrigin;
  /** The name or pattern it stands under. */
  readonly matched: string;
  readonly price: ModelPrice;
}

/** All prices of one provider: the first of its lists that knows a model has the say. */
export class ProviderPrices implements PriceList {
  readonly #lists: readonly (readonly [from: PriceOrigin, table: PriceTable])[];

  constructor(lists: readonly (readonly [from: PriceOrigin, table: PriceTable])[]) {
    this.#lists = lists;
  }

  find(model: string): ModelPrice | null {
    return this.lookup(model)?.price ?? null;
  }

  /** The price that applies to a model, with where it is from. */
  lookup(model: string): FoundPrice | null {
    for (const [from, table] of this.#lists) {
      const found = table.lookup(model);
      if (found !== null) return { from, ...found };
    }
    return null;
  }

  /** Every price that applies to something, in the order in which they are asked. */
  entries(): readonly FoundPrice[] {
    const seen = new Set<string>();
    return this.#lists.flatMap(([from, table]) =>
      table.entries().flatMap(([matched, price]) => {
        if (seen.has(matched)) return [];
        seen.add(matched);
        return [{ from, matched, price }];
      }),
    );
  }
}
