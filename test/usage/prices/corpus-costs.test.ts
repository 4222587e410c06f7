import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import type { Exchange, Price } from '../../../lib/pipeline/index.ts';
import { Usage } from '../../../lib/pipeline/index.ts';
import { tapOpener } from '../../../lib/usage/index.ts';
import { parseTarget } from '../../../lib/wire/index.ts';
import { type Case, loadCases, rowName } from '../../dialects/corpus-case.ts';
import { catalogue, compiled, provider } from '../../providers/compiled.ts';

/**
 * Every recorded body, read by the tap and priced, against a calculation from
 * the corpus's own counts that shares no code: whole sides first, then what the
 * parts cost more or less. Nano-dollars for one of each; odd numbers, so that a
 * token in the wrong place shows.
 */
const NANOS = {
  input: 3001n,
  cachedInput: 311n,
  cacheWrite5m: 3757n,
  cacheWrite1h: 6007n,
  output: 15_013n,
  // The corpus does not say which way audio went: it costs what its side costs.
  audioInput: 3001n,
  audioOutput: 15_013n,
};
const SEARCH_NANOS = 10_000_019n;
const UNIT_NANOS = 2_000_003n;

const usd = (nanos: bigint, unit: number) => String(Number(nanos) / unit);

const PRICE = {
  ...Object.fromEntries(Object.entries(NANOS).map(([name, nanos]) => [name, usd(nanos, 1000)])),
  webSearch: usd(SEARCH_NANOS, 1e9),
};
/** A rate for search units is for models that are paid by them. */
const PRICES = [
  { ...PRICE, models: ['tokens'] },
  { ...PRICE, models: ['units'], searchUnit: usd(UNIT_NANOS, 1e9) },
];

type Counts = Readonly<Record<string, number>>;

/** The right cost, null where there is none by the rules of docs/prices.md, or words for what the corpus does not say. */
function rightCost(one: Case, written1h: number): bigint | null | string {
  const counts = (one.expected ?? {}) as Counts;
  const { iterationsSum } = one;
  const units =
    BigInt(counts.webSearchRequests ?? 0) * SEARCH_NANOS + BigInt(counts.searchUnits ?? 0) * UNIT_NANOS;
  if (one.expected === null) return null;
  if (
    iterationsSum !== undefined &&
    (iterationsSum.inputTokens !== counts.inputTokens || iterationsSum.outputTokens !== counts.outputTokens)
  )
    return null;
  if (counts.billedInputTokens !== undefined || counts.billedOutputTokens !== undefined) {
    const { billedInputTokens = counts.inputTokens, billedOutputTokens = counts.outputTokens } = counts;
    if (billedInputTokens === undefined || billedOutputTokens === undefined) return null;
    return BigInt(billedInputTokens) * NANOS.input + BigInt(billedOutputTokens) * NANOS.output + units;
  }
  const { inputTokens, outputTokens, cachedInputTokens = 0, cacheWriteTokens = 0, audioTokens = 0 } = counts;
  if (inputTokens === undefined || outputTokens === undefined) return null;
  if (audioTokens > 0) return 'audio, whose side the corpus does not state';
  const whole = BigInt(inputTokens) * NANOS.input + BigInt(outputTokens) * NANOS.output;
  const cached = BigInt(cachedInputTokens) * (NANOS.input - NANOS.cachedInput);
  const written =
    BigInt(cacheWriteTokens - written1h) * (NANOS.cacheWrite5m - NANOS.input) +
    BigInt(written1h) * (NANOS.cacheWrite1h - NANOS.input);
  return whole - cached + written + units;
}

/** What the tap reads of a body. */
function usageOf(one: Case, body: Buffer, exchange: Exchange): Usage {
  const tap = tapOpener(null)(exchange, one.status, ['content-type', one.contentType]);
  tap?.write(body);
  tap?.end(() => {});
  return exchange.usage ?? new Usage();
}

const folder = process.env.WEIR_STREAMS ? resolve(process.env.WEIR_STREAMS) : null;

if (folder === null) {
  console.log('# recorded bodies skipped: WEIR_STREAMS names no folder');
  if (process.env.WEIR_REQUIRE_STREAMS === '1')
    t.fail('WEIR_REQUIRE_STREAMS=1, but WEIR_STREAMS names no folder');
  else t.pass('recorded bodies', { skip: 'WEIR_STREAMS names no folder' });
} else {
  t.test('every recorded body costs what an independent calculation says, to the nano-dollar', async t => {
    const cases = loadCases(folder);
    const section = [...new Set(cases.map(rowName))].map(name => [
      name,
      {
        origin: 'http://127.0.0.1:9',
        ...Object.fromEntries((catalogue.rows.get(name)?.variables ?? []).map(each => [each, 'x1'])),
      },
    ]);
    const { providers } = compiled(Object.fromEntries(section));
    const { prices } = provider('lab', {
      lab: { origin: 'http://10.0.0.5', dialect: 'openai', prices: PRICES },
    });
    const priceOf = ({ expected }: Case): Price =>
      prices.find(expected?.searchUnits === undefined ? 'tokens' : 'units')!;
    const seen = { priced: 0, unpriced: 0 };
    const left = new Map<string, number>();
    for (const one of cases) {
      const row = providers.get(rowName(one))!;
      const target = parseTarget(`/${row.name}${one.path}`);
      if (!('segments' in target)) throw new Error(one.id);
      const endpoint = row.endpoint(one.method, target.segments);
      const exchange = { endpoint, provider: row, usage: null } as unknown as Exchange;
      const usage = usageOf(one, readFileSync(join(folder, one.id, 'body')), exchange);
      const right = rightCost(one, usage.measures.cacheWrite1hTokens ?? 0);
      if (typeof right === 'string') {
        left.set(right, (left.get(right) ?? 0) + 1);
        continue;
      }
      seen[right === null ? 'unpriced' : 'priced']++;
      t.equal(priceOf(one).costNanos(usage), right === null ? null : Number(right), one.id);
    }
    t.comment(
      `${cases.length} bodies: ${seen.priced} priced to the nano-dollar, ${seen.unpriced} rightly unpriced`,
    );
    for (const [why, count] of left) t.comment(`left out: ${count} (${why})`);
    t.ok(seen.priced > 140);
  });
}
