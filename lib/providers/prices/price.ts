import { createHash } from 'node:crypto';
import type { Price, PriceBound, PricedUsage } from '../../pipeline/index.ts';
import { type Amount, amountsOf } from './amounts.ts';
import { RATE_NAMES, type RateName, type Rates } from './rates.ts';

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
  readonly maxOutputTokens: number | null;
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

  get maxOutputTokens(): number | null {
    return this.parts.maxOutputTokens;
  }

  costNanos(used: PricedUsage): number | null {
    const rates = this.#ratesFor(used.inputTokens);
    const amounts = rates === null ? null : amountsOf(used, rates);
    const attos = amounts === null ? null : sum(amounts, rates!);
    if (attos === null) return null;
    const nanos = Number((attos + ATTOS / 2n) / ATTOS);
    return Number.isSafeInteger(nanos) ? nanos : null;
  }

  boundNanos(bound: PriceBound): bigint {
    const reachable = this.parts.tiers.filter(tier => bound.inputTokens > tier.aboveInputTokens);
    const attos = [this.parts.rates, ...reachable.map(({ rates }) => rates)].map(rates =>
      boundAttos(bound, rates),
    );
    return (dearest(attos) + ATTOS - 1n) / ATTOS;
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

/** Ways in which a token can be billed: which one it will be, only the answer says. */
const TEXT_INPUT = ['input', 'cachedInput', 'cacheWrite5m', 'cacheWrite1h'] as const;
const MEDIA_INPUT = [...TEXT_INPUT, 'audioInput', 'imageInput'] as const;
const TEXT_OUTPUT = ['output', 'reasoning'] as const;
const MEDIA_OUTPUT = [...TEXT_OUTPUT, 'audioOutput', 'imageOutput'] as const;

function boundAttos({ inputTokens, outputTokens, hasMedia }: PriceBound, rates: Rates): bigint {
  const most = (names: readonly RateName[]): bigint => dearest(names.map(name => rates[name] ?? 0n));
  return (
    BigInt(inputTokens) * most(hasMedia ? MEDIA_INPUT : TEXT_INPUT) +
    BigInt(outputTokens) * most(hasMedia ? MEDIA_OUTPUT : TEXT_OUTPUT) +
    (rates.request ?? 0n)
  );
}

function dearest(amounts: readonly bigint[]): bigint {
  let most = 0n;
  for (const amount of amounts) if (amount > most) most = amount;
  return most;
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
