import { readFileSync, statSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { ModelPrice, type Tier } from './price.ts';
import { PriceTable } from './price-list.ts';
import { RATE_POWERS, type RateName, type Rates, scaledRate } from './rates.ts';

/** Price lists by the file's own names of providers. */
export type PriceFile = ReadonlyMap<string, PriceTable>;

/** How many models, or patterns of models, have a price. */
export function modelCount(file: PriceFile): number {
  return file.values().reduce((sum, table) => sum + table.size, 0);
}

export const MAX_PRICE_FILE_BYTES = 32 * 1024 * 1024;
/** Models of one provider between two steps: about a millisecond's work. */
const STEP_MODELS = 64;
/** The file states USD for one unit of everything; ours are 10⁻¹⁸ USD. */
const POWER = 18;

type Member = Readonly<Record<string, unknown>>;
type OwnRates = { [name in RateName]?: bigint };

/** Fields that may have a variant `…_above_200k_tokens`. */
const TOKEN_FIELDS: ReadonlyMap<string, RateName> = new Map([
  ['input_cost_per_token', 'input'],
  ['output_cost_per_token', 'output'],
  ['cache_read_input_token_cost', 'cachedInput'],
  ['cache_creation_input_token_cost', 'cacheWrite5m'],
  ['cache_creation_input_token_cost_above_1hr', 'cacheWrite1h'],
  ['output_cost_per_reasoning_token', 'reasoning'],
  ['input_cost_per_audio_token', 'audioInput'],
  ['output_cost_per_audio_token', 'audioOutput'],
  ['input_cost_per_image_token', 'imageInput'],
  ['output_cost_per_image_token', 'imageOutput'],
]);

/** Fields that mean something in entries of one mode only: elsewhere they price what no answer states. */
const MODE_FIELDS: readonly (readonly [mode: string, field: string, name: RateName])[] = [
  ['rerank', 'input_cost_per_query', 'searchUnit'],
  ['audio_speech', 'input_cost_per_character', 'characters'],
  ['audio_transcription', 'input_cost_per_second', 'audioSecond'],
  ['image_generation', 'output_cost_per_image', 'image'],
  ['image_edit', 'output_cost_per_image', 'image'],
];

const ABOVE = /^(.+)_above_([1-9][0-9]{0,5})k_tokens$/;

/** A member's name that is written with an escape, or any other string. */
const STRING = /"((?:[^"\\]|\\.)*)"\s*(:?)/g;

/** Not models: the one explains the form, the other holds rules. */
const NO_MODELS: ReadonlySet<string> = new Set(['sample_spec', 'fallback_generalizations']);

/**
 * Reads a file in the form of LiteLLM's model_prices_and_context_window.json
 * (its schema: model_prices_and_context_window.schema.json in that project).
 * Fields that are not known are passed over; a known one that is no price
 * refuses the whole file. Gives the reason as text, ready to follow a setting's name.
 */
export function readPriceFile(path: string): PriceFile | string {
  let text: string;
  try {
    if (statSync(path).size > MAX_PRICE_FILE_BYTES) return `${path} is larger than 32 MiB`;
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return `${path} cannot be read (${(error as NodeJS.ErrnoException).code})`;
  }
  const parsed = parsePriceFile(text);
  return typeof parsed === 'string' ? `${path}: ${parsed}` : parsed;
}

/** The same of a text. */
export function parsePriceFile(text: string): PriceFile | string {
  const parsing = parseInSteps(text);
  for (;;) {
    const step = parsing.next();
    if (step.done === true) return step.value;
  }
}

/** The same in short steps, with the work of others between them. */
export async function parsePriceFileBeside(text: string): Promise<PriceFile | string> {
  const parsing = parseInSteps(text);
  for (;;) {
    const step = parsing.next();
    if (step.done === true) return step.value;
    await setImmediate();
  }
}

function* parseInSteps(text: string): Generator<void, PriceFile | string> {
  const root = parseObject(text);
  if (typeof root === 'string') return root;
  const tables = new Map<string, PriceTable>();
  for (const [key, entry] of Object.entries(root)) {
    if (NO_MODELS.has(key)) continue;
    if (!isObject(entry)) return `${shown(key)} is no entry`;
    const provider = entry.litellm_provider;
    if (typeof provider !== 'string') return `${shown(key)} names no litellm_provider`;
    const price = priceOf(entry);
    if (typeof price === 'string') return `${shown(key)}.${price} is not a price in USD`;
    if (price === null) continue;
    const table = tables.get(provider) ?? new PriceTable();
    tables.set(provider, table);
    table.add(modelOf(key, provider), price);
    if (table.size % STEP_MODELS === 0) yield;
  }
  return tables.size > 0 ? tables : 'holds no prices';
}

/** The model as a request names it: `cohere/x` of `cohere_chat` is `x`. */
function modelOf(key: string, provider: string): string {
  const slash = key.indexOf('/');
  const head = key.slice(0, Math.max(slash, 0));
  const isOwn =
    head !== '' && `${provider}-`.replaceAll('_', '-').startsWith(`${head.replaceAll('_', '-')}-`);
  return isOwn ? key.slice(slash + 1) : key;
}

function parseObject(text: string): Member | string {
  // JSON.parse of some runtimes returns other names than those written where a name has an escape.
  if (text.includes('\\')) {
    for (const [, name, colon] of text.matchAll(STRING))
      if (colon === ':' && name!.includes('\\')) return 'the name of a member has an escape';
  }
  try {
    const root: unknown = JSON.parse(text);
    return isObject(root) ? root : 'is not a JSON object';
  } catch {
    return 'is not JSON';
  }
}

function isObject(value: unknown): value is Member {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function shown(key: string): string {
  return JSON.stringify(key.slice(0, 100));
}

/** A price, null where the entry states none that we can apply, or the name of a field that is wrong. */
function priceOf(entry: Member): ModelPrice | string | null {
  // Whether such a tier is for the whole input or for its part is not said.
  if (Array.isArray(entry.tiered_pricing)) return null;
  const rates: OwnRates = {};
  const tiers = new Map<number, OwnRates>();
  for (const [field, value] of Object.entries(entry)) {
    const above = field.includes('_above_') ? ABOVE.exec(field) : null;
    const name = TOKEN_FIELDS.get(above?.[1] ?? field) ?? modeField(entry.mode, field);
    if (name === undefined || value === null) continue;
    const power = name === 'audioSecond' ? RATE_POWERS.audioSecond : POWER;
    const rate = typeof value === 'number' ? scaledRate(value, power, true) : null;
    if (rate === null) return field;
    if (above === null) rates[name] = rate;
    else {
      const threshold = Number(above[2]) * 1000;
      tiers.set(threshold, { ...tiers.get(threshold), [name]: rate });
    }
  }
  const search = searchRate(entry.search_context_cost_per_query);
  if (search === 'wrong') return 'search_context_cost_per_query';
  if (search !== null) rates.webSearch = search;
  if (Object.keys(rates).length === 0) return null;
  const source = typeof entry.source === 'string' ? entry.source : null;
  return new ModelPrice({ rates, tiers: sortedTiers(rates, tiers), source, asOf: null });
}

function modeField(mode: unknown, field: string): RateName | undefined {
  return MODE_FIELDS.find(([its, name]) => its === mode && name === field)?.[2];
}

/** A tier keeps what one below it says and it does not. */
function sortedTiers(rates: Rates, tiers: ReadonlyMap<number, Rates>): readonly Tier[] {
  let below = rates;
  return [...tiers]
    .sort(([a], [b]) => a - b)
    .map(([aboveInputTokens, own]) => {
      below = { ...below, ...own };
      return { aboveInputTokens, rates: below };
    });
}

/** Where the price depends on how much a search brings, which no answer says, there is none. */
function searchRate(costs: unknown): bigint | null | 'wrong' {
  if (costs === undefined || costs === null) return null;
  const rates = isObject(costs) ? Object.values(costs).map(cost => scaledRate(cost, POWER, true)) : [null];
  if (rates.some(rate => rate === null)) return 'wrong';
  return rates.length > 0 && rates.every(rate => rate === rates[0]) ? rates[0]! : null;
}
