import type { PriceList } from '../../pipeline/index.ts';
import { ModelPrice, type Tier } from './price.ts';
import {
  type PriceSettings,
  RATE_NAMES,
  RATE_POWERS,
  type RateName,
  type RateSettings,
  type Rates,
  scaledRate,
} from './rates.ts';

/** What is wrong with a list of prices. */
export interface PriceFault {
  /** Such as `[0].input`. */
  readonly path: string;
  readonly message: string;
}

/** The prices of one origin: the config's, a file's, the row's. */
export class PriceTable implements PriceList {
  readonly #byName = new Map<string, ModelPrice>();
  readonly #byPattern: (readonly [pattern: string, parts: readonly string[], price: ModelPrice])[] = [];

  /** The first price of a name, or of the same pattern, stays. */
  add(model: string, price: ModelPrice): void {
    if (model.includes('*')) this.#byPattern.push([model, model.split('*'), price]);
    else if (!this.#byName.has(model)) this.#byName.set(model, price);
  }

  /** Names and patterns. */
  get size(): number {
    return this.#byName.size + this.#byPattern.length;
  }

  /** Names, then patterns in the order in which they are tried. */
  entries(): readonly (readonly [matched: string, price: ModelPrice])[] {
    return [...this.#byName, ...this.#byPattern.map(([pattern, , price]) => [pattern, price] as const)];
  }

  find(model: string): ModelPrice | null {
    return this.lookup(model)?.price ?? null;
  }

  /** A name before any pattern, then the first pattern that fits. */
  lookup(model: string): { readonly matched: string; readonly price: ModelPrice } | null {
    const named = this.#byName.get(model);
    if (named !== undefined) return { matched: model, price: named };
    const fitting = this.#byPattern.find(([, parts]) => fits(parts, model));
    return fitting === undefined ? null : { matched: fitting[0], price: fitting[2] };
  }
}

/** The whole name must fit; each part but the last is taken where it first occurs. */
function fits(parts: readonly string[], name: string): boolean {
  const first = parts[0]!;
  const last = parts.at(-1)!;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

/** Prices as written → a table, with every fault that the schema could not see. */
export function compilePrices(prices: readonly PriceSettings[]): {
  readonly table: PriceTable;
  readonly faults: readonly PriceFault[];
} {
  const table = new PriceTable();
  const faults: PriceFault[] = [];
  prices.forEach((settings, index) => {
    const price = compilePrice(settings, `[${index}]`, faults);
    for (const model of settings.models) table.add(model, price);
  });
  return { table, faults };
}

function compilePrice(settings: PriceSettings, path: string, faults: PriceFault[]): ModelPrice {
  const rates = compileRates(settings, path, faults);
  if (RATE_NAMES.every(name => settings[name] === undefined))
    faults.push({ path, message: `needs a rate: ${RATE_NAMES.join(', ')}` });
  const tiers = (settings.tiers ?? []).map((tier, index): Tier => {
    const own = compileRates(tier, `${path}.tiers[${index}]`, faults);
    return { aboveInputTokens: tier.aboveInputTokens, rates: { ...rates, ...own } };
  });
  const thresholds = tiers.map(tier => tier.aboveInputTokens);
  if (thresholds.some((threshold, index) => index > 0 && threshold <= thresholds[index - 1]!))
    faults.push({ path: `${path}.tiers`, message: 'each tier must begin above the one before it' });
  return new ModelPrice({ rates, tiers, source: settings.source ?? null, asOf: settings.asOf ?? null });
}

function compileRates(settings: RateSettings, path: string, faults: PriceFault[]): Rates {
  const rates: { [name in RateName]?: bigint } = {};
  for (const name of RATE_NAMES) {
    const amount = settings[name];
    if (amount === undefined) continue;
    const rate = scaledRate(amount, RATE_POWERS[name]);
    if (rate === null)
      faults.push({ path: `${path}.${name}`, message: `takes at most ${RATE_POWERS[name]} decimals` });
    else rates[name] = rate;
  }
  return rates;
}
