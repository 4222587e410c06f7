import { BUDGET_SPANS, type Budget, type BudgetSpan, usdNanos } from '../../pipeline/index.ts';

/** One budget. With `is` one account; without it every key, subject, provider or value of the tag has its own. */
export interface BudgetRule {
  /** For people. */
  readonly name?: string;
  readonly of: 'all' | 'key' | 'subject' | 'provider' | 'tag';
  /** The tag's name, with `of: tag`. */
  readonly tag?: string;
  readonly is?: string;
  /** A number, or decimal text with at most nine decimals. */
  readonly usd?: number | string;
  /** Input and output together. */
  readonly tokens?: number;
  readonly requests?: number;
  readonly per: BudgetSpan;
}

/** The config section `budgets`. */
export interface BudgetSettings {
  /** Output tokens of a request that does not say how many, for a model of which nobody says it. */
  readonly reserveOutputTokens: number;
  /** Input tokens of an image, a file (audio and video too), and of what is stored at the provider. */
  readonly reserveImageTokens: number;
  readonly reserveFileTokens: number;
  readonly reserveReferenceTokens: number;
  /** Under a budget in USD, a model whose price nobody knows. */
  readonly unknownCost: 'deny' | 'allow' | 'hold';
  /** What such a request reserves and is charged with `hold`. */
  readonly unknownCostUsd?: number | string;
  readonly onStoreDown: 'refuse' | 'allow';
  /** How long a request waits for the store's word on an account that is new to this process, in milliseconds. */
  readonly storeWaitMs: number;
  /** How often accounts in use are compared with the store, in milliseconds. Absent: a file is taken for one instance's own, a server for shared. */
  readonly refreshMs?: number;
  readonly maxAccounts: number;
  readonly rules: readonly BudgetRule[];
}

const AMOUNT_MAX = 1_000_000_000_000_000;
const amount = { type: 'integer', minimum: 1, maximum: AMOUNT_MAX };
const reserve = (value: number) => ({ type: 'integer', minimum: 0, maximum: 100_000_000, default: value });
const usd = {
  type: ['number', 'string'],
  exclusiveMinimum: 0,
  pattern: '^[0-9]{1,10}(?:\\.[0-9]{1,9})?$',
  expects: 'USD such as 25 or "0.50"',
};
const text = { type: 'string', minLength: 1, maxLength: 256 };
const milliseconds = (value: number, minimum: number) => ({
  duration: true,
  minimum,
  maximum: 600_000,
  default: value,
});

const ruleSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['of', 'per'],
  properties: {
    name: text,
    of: { enum: ['all', 'key', 'subject', 'provider', 'tag'] },
    tag: text,
    is: text,
    usd,
    tokens: amount,
    requests: amount,
    per: { enum: [...BUDGET_SPANS] },
  },
};

/** The JSON Schema of the section. */
export const budgetsSchema = {
  type: 'object',
  additionalProperties: false,
  properties: {
    reserveOutputTokens: { ...reserve(4096), minimum: 1 },
    reserveImageTokens: reserve(2048),
    reserveFileTokens: reserve(16_384),
    reserveReferenceTokens: reserve(16_384),
    unknownCost: { enum: ['deny', 'allow', 'hold'], default: 'deny' },
    unknownCostUsd: usd,
    onStoreDown: { enum: ['refuse', 'allow'], default: 'refuse' },
    storeWaitMs: milliseconds(2000, 1),
    refreshMs: { duration: true, minimum: 10, maximum: 600_000 },
    maxAccounts: { type: 'integer', minimum: 1, maximum: 1_000_000, default: 100_000 },
    rules: { type: 'array', maxItems: 1000, items: ruleSchema, default: [] },
  },
};

/** What keys with a budget of their own are held to where the config has no such section. */
export const DEFAULT_BUDGETS: BudgetSettings = Object.freeze({
  reserveOutputTokens: 4096,
  reserveImageTokens: 2048,
  reserveFileTokens: 16_384,
  reserveReferenceTokens: 16_384,
  unknownCost: 'deny',
  onStoreDown: 'refuse',
  storeWaitMs: 2000,
  maxAccounts: 100_000,
  rules: Object.freeze([]),
});

export function compileRule({ usd: dollars, tokens, requests, per }: BudgetRule): Budget {
  return Object.freeze({
    requests: requests ?? null,
    tokens: tokens ?? null,
    nanos: dollars === undefined ? null : usdNanos(dollars),
    per,
  });
}

/** What is wrong with the section that its schema cannot see: where within it, and what. */
export function budgetFaults({ rules, unknownCost, unknownCostUsd }: BudgetSettings): readonly {
  readonly path: readonly (string | number)[];
  readonly message: string;
}[] {
  const own =
    unknownCost === 'hold' && unknownCostUsd === undefined
      ? [{ path: ['unknownCost'], message: 'hold needs unknownCostUsd: what such a request is charged' }]
      : [];
  return [
    ...own,
    ...faultsOfUsd(unknownCostUsd, ['unknownCostUsd']),
    ...rules.flatMap((rule, i) =>
      ruleFaults(rule).map(({ path, message }) => ({ path: ['rules', i, ...path], message })),
    ),
  ];
}

function ruleFaults(
  rule: BudgetRule,
): readonly { readonly path: readonly string[]; readonly message: string }[] {
  const { of, tag, is, usd: dollars, tokens, requests } = rule;
  return [
    ...(dollars === undefined && tokens === undefined && requests === undefined
      ? [{ path: [], message: 'a budget needs usd, tokens or requests' }]
      : []),
    ...faultsOfUsd(dollars, ['usd']),
    ...(of === 'tag' && tag === undefined
      ? [{ path: [], message: 'of: tag needs the name of a tag, such as tag: project' }]
      : []),
    ...(of !== 'tag' && tag !== undefined ? [{ path: ['tag'], message: 'goes with of: tag alone' }] : []),
    ...(of === 'all' && is !== undefined ? [{ path: ['is'], message: 'of: all is everybody' }] : []),
  ];
}

function faultsOfUsd<P extends readonly string[]>(dollars: number | string | undefined, path: P) {
  if (dollars === undefined || usdNanos(dollars)) return [];
  return [{ path, message: 'expected an amount above 0 with at most nine decimals' }];
}
