import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import t from 'tap';
import type { Exchange, Usage } from '../../../lib/pipeline/index.ts';
import type { PriceSettings } from '../../../lib/providers/prices/rates.ts';
import { factOf } from '../../../lib/usage/index.ts';
import { BodyScanner, parseTarget } from '../../../lib/wire/index.ts';
import { type Case, loadCases, rowName } from '../../dialects/corpus-case.ts';
import { catalogue, everyProvider } from '../../providers/compiled.ts';

/**
 * What recorded answers of real providers (the folder named by WEIR_STREAMS)
 * cost by the prices of the rows: read from their bodies as the gateway reads
 * them, and calculated again from what the corpus says and the rows' own text.
 */
const { providers } = everyProvider();

/** What a fact says of one recorded answer. */
async function readCase(
  one: Case,
  folder: string,
): Promise<{ usage: Usage; fact: ReturnType<typeof factOf> } | null> {
  const provider = providers.get(rowName(one))!;
  const target = parseTarget(`/${provider.name}${one.path}`);
  if (!('segments' in target)) throw new Error(`${one.id}: no path`);
  const endpoint = provider.endpoint(one.method, target.segments);
  if (endpoint.usage === null) return null;
  const fold = endpoint.usage.start(provider.traits);
  fold.headers(['content-type', one.contentType]);
  const { pointers } = endpoint.usage;
  const scanner = new BodyScanner({
    pointers,
    sink: fold,
    contentType: one.contentType,
    contentEncoding: null,
  });
  if (!scanner.write(readFileSync(join(folder, one.id, 'body'))))
    await new Promise<void>(done => (scanner.onDrain = done));
  await new Promise<string>(done => scanner.end(done));
  const exchange = {
    req: { method: one.method },
    provider,
    endpoint,
    usage: fold.usage,
    status: one.status,
    modelRequested: (one as { requestModel?: string }).requestModel ?? null,
    tapGaveUp: false,
    startedWallMs: 0,
    outcome: 'complete',
    repeatsSecret: () => false,
  } as unknown as Exchange;
  return { usage: fold.usage, fact: factOf(exchange, {}, 0) };
}

/** The entry of a row for a model, looked for in another way than the gateway does. */
function entryFor(prices: readonly PriceSettings[], model: string): PriceSettings | undefined {
  const dated = (pattern: string) =>
    pattern.endsWith('-20*') && model.slice(0, -1).startsWith(pattern.slice(0, -1));
  return prices.find(each => each.models.includes(model)) ?? prices.find(each => each.models.some(dated));
}

const picoUsd = (rate: PriceSettings['input']) => BigInt(Math.round(Number(rate ?? 0) * 1e6));

/** Nano-dollars, from the counts that the corpus states. */
function rightCost(entry: PriceSettings, one: Case, written1h: number, webSearches: number): number {
  const count = (name: string) => BigInt((one.expected?.[name] as number | undefined) ?? 0);
  const tier = entry.tiers?.findLast(each => count('inputTokens') > BigInt(each.aboveInputTokens));
  const rates = { ...entry, ...tier };
  const input = picoUsd(rates.input);
  const pico =
    count('inputTokens') * input -
    count('cachedInputTokens') * (input - picoUsd(rates.cachedInput)) +
    count('cacheWriteTokens') * (picoUsd(rates.cacheWrite5m) - input) +
    BigInt(written1h) * (picoUsd(rates.cacheWrite1h) - picoUsd(rates.cacheWrite5m)) +
    count('outputTokens') * picoUsd(rates.output) +
    BigInt(webSearches) * picoUsd(rates.webSearch) * 1_000_000n;
  return Number((pico + 500n) / 1000n);
}

const named = process.env.WEIR_STREAMS;
const folder = named === undefined || named === '' || !existsSync(named) ? null : resolve(named);

if (folder === null) {
  console.log('# recorded prices skipped: WEIR_STREAMS names no folder');
  if (process.env.WEIR_REQUIRE_STREAMS === '1')
    t.fail('WEIR_REQUIRE_STREAMS=1, but WEIR_STREAMS names no folder');
  else t.pass('recorded prices', { skip: 'WEIR_STREAMS names no folder' });
} else {
  t.test('recorded answers cost what their providers list', async t => {
    const models = new Map<string, number>();
    const count = { bodies: 0, withUsage: 0, stated: 0, priced: 0, compared: 0 };
    const unpriced = new Map<string, number>();
    for (const one of loadCases(folder)) {
      count.bodies += 1;
      const read = await readCase(one, folder);
      if (read === null || !read.usage.stated || one.status !== 200) continue;
      count.withUsage += 1;
      const { usage, fact } = read;
      const row = rowName(one);
      const model = usage.modelServed ?? (one as { requestModel?: string }).requestModel ?? '(unnamed)';
      if (fact.costSource === 'provider') count.stated += 1;
      else if (fact.costSource === 'price') {
        count.priced += 1;
        models.set(`${row} ${model}`, (models.get(`${row} ${model}`) ?? 0) + 1);
        const entry = entryFor(catalogue.rows.get(row)!.prices!, model);
        const { cacheWrite1hTokens = 0, webSearches = 0, audioMs, billedInputTokens } = usage.measures;
        if (
          entry === undefined ||
          audioMs !== undefined ||
          billedInputTokens !== undefined ||
          usage.audioTokens
        )
          continue;
        count.compared += 1;
        t.equal(fact.costNanos, rightCost(entry, one, cacheWrite1hTokens, webSearches), `${one.id} ${model}`);
      } else unpriced.set(`${row} ${model}`, (unpriced.get(`${row} ${model}`) ?? 0) + 1);
    }
    const list = (counts: ReadonlyMap<string, number>) =>
      [...counts]
        .map(([what, times]) => `${what} ×${times}`)
        .sort()
        .join(', ');
    t.comment(JSON.stringify(count));
    t.comment(`priced: ${list(models)}`);
    t.comment(`unpriced: ${list(unpriced)}`);
    t.ok(count.priced >= 60, `${count.priced} are priced`);
    t.ok(count.compared >= count.priced - 5, `${count.compared} of them are calculated twice`);
  });
}
