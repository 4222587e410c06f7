import fc from 'fast-check';
import t from 'tap';
import type { Price, PricedUsage } from '../../../lib/pipeline/index.ts';
import { parsePriceFile } from '../../../lib/providers/prices/price-file.ts';
import { compilePrices } from '../../../lib/providers/prices/price-list.ts';
import type { PriceSettings } from '../../../lib/providers/prices/rates.ts';

function priceOf(settings: Partial<PriceSettings>): Price {
  const { table, faults } = compilePrices([{ models: ['m'], ...settings }]);
  t.strictSame(faults, []);
  return table.find('m')!;
}

t.test('the dearest way that can apply', async t => {
  const price = priceOf({
    input: 2,
    cachedInput: 0.5,
    cacheWrite1h: 4,
    output: 8,
    audioInput: 40,
    request: '0.01',
    tiers: [{ aboveInputTokens: 1000, output: 12 }],
  });
  const bound = (inputTokens: number, outputTokens: number, hasMedia = false) =>
    price.boundNanos({ inputTokens, outputTokens, hasMedia });
  t.equal(bound(10, 10), 40_000n + 80_000n + 10_000_000n, 'written to the cache for an hour');
  t.equal(bound(1001, 10), 4_004_000n + 120_000n + 10_000_000n, 'in the upper tier');
  t.equal(bound(10, 10, true), 400_000n + 80_000n + 10_000_000n, 'or sound');
  t.equal(
    priceOf({ input: '0.0000001' }).boundNanos({ inputTokens: 1, outputTokens: 0, hasMedia: false }),
    1n,
    'rounded up',
  );
});

const rate = fc.option(
  fc.nat(1000).map(cents => cents / 100),
  { nil: undefined },
);
const settings = fc.record({
  input: fc.nat(1000),
  output: fc.nat(1000),
  cachedInput: rate,
  cacheWrite5m: rate,
  cacheWrite1h: rate,
  reasoning: rate,
  request: rate,
  tiers: fc.option(fc.constant([{ aboveInputTokens: 500, input: 3, output: 1 }]), { nil: undefined }),
});

t.test('no exchange within its size costs more', async t => {
  fc.assert(
    fc.property(
      settings,
      fc.nat(1000),
      fc.nat(1000),
      fc.nat(1000),
      fc.nat(1000),
      fc.nat(1000),
      (all, a, b, c, d, e) => {
        const stated = Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
        const price = priceOf(stated);
        const [cachedInputTokens, cacheWriteTokens] = [Math.min(a, b), Math.min(a - Math.min(a, b), c)];
        const used: PricedUsage = {
          inputTokens: a,
          outputTokens: d,
          cachedInputTokens,
          cacheWriteTokens,
          reasoningTokens: Math.min(d, e),
          audioTokens: null,
          measures: { cacheWrite1hTokens: Math.min(cacheWriteTokens, e) },
        };
        const cost = price.costNanos(used);
        const bound = price.boundNanos({ inputTokens: a + e, outputTokens: d + b, hasMedia: false });
        return cost === null || BigInt(cost) <= bound;
      },
    ),
    { numRuns: 500 },
  );
  t.pass();
});

t.test('the most output of a model is read from prices and from a price file', async t => {
  t.equal(priceOf({ input: 1, maxOutputTokens: 8192 }).maxOutputTokens, 8192);
  t.equal(priceOf({ input: 1 }).maxOutputTokens, null);
  t.equal(
    priceOf({ input: 1, maxOutputTokens: 8192 }).version,
    priceOf({ input: 1 }).version,
    'which is no matter of the price',
  );
  const entry = (max: unknown) => ({
    litellm_provider: 'lab',
    input_cost_per_token: 1e-6,
    max_output_tokens: max,
  });
  const file = parsePriceFile(
    JSON.stringify({ a: entry(4096), b: entry('see the docs'), c: entry(undefined) }),
  );
  if (typeof file === 'string') throw new Error(file);
  t.strictSame(
    ['a', 'b', 'c'].map(model => file.get('lab')!.find(model)!.maxOutputTokens),
    [4096, null, null],
  );
});
