import { createHash } from 'node:crypto';
import type { Price, PricedUsage } from '../../pipeline/index.ts';
import { type Amount, amountsOf } from './amounts.ts';
import { RATE_NAMES, type Rates } from './rates.ts';

/** Rates from some length of the input on. */
export interface Tier {
  readonly aboveInputTokens: number;
  /** All of them: those that the tier does not name are the price's own. */
  readonly rates: Rates;
}

export interface PriceParts {
  readonly rates: Rates;
  /** By rising threshold. */
  readonly tiers: readonly Tier[];
  readonly source: string | null;
  readonly asOf: string | null;
}

/** 10⁻¹⁸ USD in one nano-dollar. */
const ATTOS = 1_000_000_000n;
const VERSION_CHARS = 12;

/** One price, ready for facts. Sums are exact; the only rounding is that of the sum, half up, to a nano-dollar. */
export class ModelPrice implements Price {
  readonly parts: PriceParts;
  /** Of thousands of prices in a list few are ever used: their versions are made when they are. */
  #version: string | null = null;

  constructor(parts: PriceParts) {
    this.parts = parts;
  }

  get version(): string {
    this.#version ??= versionOf(this.parts);
    return this.#version;
  }

  costNanos(used: PricedUsage): number | null {
    const rates = this.#ratesFor(used.inputTokens);
    const amounts = rates === null ? null : amountsOf(used, rates);
    const attos = amounts === null ? null : sum(amounts, rates!);
    if (attos === null) return null;
    const nanos = Number((attos + ATTOS / 2n) / ATTOS);
    return Number.isSafeInteger(nanos) ? nanos : null;
  }

  #ratesFor(inputTokens: number | null): Rates | null {
    const { rates, tiers } = this.parts;
    if (tiers.length === 0) return rates;
    if (inputTokens === null) return null;
    return tiers.findLast(tier => inputTokens > tier.aboveInputTokens)?.rates ?? rates;
  }
}

function sum(amounts: readonly Amount[], rates: Rates): bigint | null {
  let attos = 0n;
  for (const { name, count, isOwed } of amounts) {
    if (count === 0) continue;
    const rate = rates[name];
    if (rate === undefined) {
      if (count === null || !isOwed) continue;
      return null;
    }
    if (rate === 0n) continue;
    if (count === null) return null;
    attos += BigInt(count) * rate;
  }
  return attos;
}

function versionOf({ rates, tiers, source, asOf }: PriceParts): string {
  const words = (of: Rates): readonly string[] => RATE_NAMES.map(name => String(of[name] ?? ''));
  const text = JSON.stringify([
    words(rates),
    tiers.map(tier => [tier.aboveInputTokens, words(tier.rates)]),
    source,
    asOf,
  ]);
  return createHash('sha256').update(text).digest('hex').slice(0, VERSION_CHARS);
}
