import type { FoundPrice, PriceOrigin } from './provider-prices.ts';
import { RATE_NAMES, RATE_POWERS, type RateName, type Rates } from './rates.ts';

/** USD as decimal text, for what `docs/prices.md` says of each rate. */
export type ShownRates = { readonly [name in RateName]?: string };

/** A price in words that the config would take. */
export interface ShownPrice {
  readonly from: PriceOrigin;
  readonly matched: string;
  readonly version: string;
  readonly source: string | null;
  readonly asOf: string | null;
  readonly rates: ShownRates;
  readonly tiers: readonly { readonly aboveInputTokens: number; readonly rates: ShownRates }[];
}

export function describePrice({ from, matched, price }: FoundPrice): ShownPrice {
  const { rates, tiers, source, asOf } = price.parts;
  return {
    from,
    matched,
    version: price.version,
    source,
    asOf,
    rates: shownRates(rates),
    tiers: tiers.map(tier => ({
      aboveInputTokens: tier.aboveInputTokens,
      rates: shownRates(tier.rates),
    })),
  };
}

function shownRates(rates: Rates): ShownRates {
  return Object.fromEntries(
    RATE_NAMES.flatMap(name => {
      const rate = rates[name];
      return rate === undefined ? [] : [[name, decimal(rate, RATE_POWERS[name])]];
    }),
  );
}

/** `rate ÷ 10^power`, exact. */
function decimal(rate: bigint, power: number): string {
  const digits = rate.toString().padStart(power + 1, '0');
  const fraction = digits.slice(-power).replace(/0+$/, '');
  return fraction === '' ? digits.slice(0, -power) : `${digits.slice(0, -power)}.${fraction}`;
}
