/**
 * What a price can be made of, and the power of ten that turns its USD into
 * 10⁻¹⁸ USD for each thing counted. Tokens and characters are priced by the
 * million, audio by the second and counted in milliseconds.
 */
export const RATE_POWERS = {
  input: 12,
  output: 12,
  cachedInput: 12,
  cacheWrite5m: 12,
  cacheWrite1h: 12,
  reasoning: 12,
  audioInput: 12,
  audioOutput: 12,
  imageInput: 12,
  imageOutput: 12,
  characters: 12,
  audioSecond: 15,
  image: 18,
  searchUnit: 18,
  webSearch: 18,
  request: 18,
} as const;

export type RateName = keyof typeof RATE_POWERS;

export const RATE_NAMES = Object.keys(RATE_POWERS) as readonly RateName[];

/** USD, as a number or as decimal text such as `0.075`. */
export type UsdAmount = number | string;

export type RateSettings = { readonly [name in RateName]?: UsdAmount };

/** Other rates for an exchange with a long input. */
export interface TierSettings extends RateSettings {
  /** With more input tokens than this, cached ones included, the whole exchange takes these rates. */
  readonly aboveInputTokens: number;
}

/** What some models of one provider cost. */
export interface PriceSettings extends RateSettings {
  /** Names, or patterns in which `*` is any run of characters. */
  readonly models: readonly string[];
  /** Where the price was read. */
  readonly source?: string;
  /** The day it was read, such as `2026-10-01`. */
  readonly asOf?: string;
  /** The most output tokens these models give. */
  readonly maxOutputTokens?: number;
  readonly tiers?: readonly TierSettings[];
}

/** In 10⁻¹⁸ USD for each thing counted. */
export type Rates = { readonly [name in RateName]?: bigint };

/** USD; a larger rate is a slip of the pen. */
const MAX_USD = 1_000_000;

const RATE = {
  type: ['number', 'string'],
  minimum: 0,
  maximum: MAX_USD,
  pattern: '^[0-9]{1,7}(?:\\.[0-9]{1,18})?$',
  expects: `USD from 0 to ${MAX_USD}, such as 2.5 or "0.075"`,
};
const RATE_PROPERTIES = Object.fromEntries(RATE_NAMES.map(name => [name, RATE]));

const TIERS = {
  type: 'array',
  minItems: 1,
  maxItems: 16,
  items: {
    type: 'object',
    additionalProperties: false,
    required: ['aboveInputTokens'],
    properties: { aboveInputTokens: { type: 'integer', minimum: 1 }, ...RATE_PROPERTIES },
  },
};

function pricesSchema(required: readonly string[]): object {
  return {
    type: 'array',
    maxItems: 10_000,
    items: {
      type: 'object',
      additionalProperties: false,
      required: ['models', ...required],
      properties: {
        models: {
          type: 'array',
          minItems: 1,
          items: { type: 'string', minLength: 1, maxLength: 256 },
        },
        source: { type: 'string', minLength: 1, maxLength: 500 },
        asOf: {
          type: 'string',
          pattern: '^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])$',
          expects: 'a day such as 2026-10-01',
        },
        maxOutputTokens: { type: 'integer', minimum: 1, maximum: 1_000_000_000 },
        tiers: TIERS,
        ...RATE_PROPERTIES,
      },
    },
  };
}

/** JSON Schema of the prices in a config: the operator's word, so a source is welcome and not demanded. */
export const CONFIG_PRICES_SCHEMA = pricesSchema([]);

/** JSON Schema of the prices in a row file: what nobody can look up again is left out. */
export const ROW_PRICES_SCHEMA = pricesSchema(['source', 'asOf']);

const DECIMAL = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;

/**
 * `amount × 10^power`, from the shortest decimal text of a number. Null where
 * the amount is negative, larger than a million or no number at all, and where
 * the result is no integer, unless it may be rounded (half up).
 */
export function scaledRate(amount: unknown, power: number, mayRound = false): bigint | null {
  if (typeof amount !== 'number' && typeof amount !== 'string') return null;
  const parts = DECIMAL.exec(String(amount));
  if (parts === null || !(Number(amount) <= MAX_USD)) return null;
  const fraction = parts[2] ?? '';
  const digits = BigInt(parts[1]! + fraction);
  const exponent = Number(parts[3] ?? 0) - fraction.length + power;
  if (exponent >= 0) return digits * 10n ** BigInt(exponent);
  const divisor = 10n ** BigInt(-exponent);
  if (mayRound) return (digits * 2n + divisor) / (divisor * 2n);
  return digits % divisor === 0n ? digits / divisor : null;
}
