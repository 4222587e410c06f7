import fc from 'fast-check';
import t from 'tap';
import { type Price, type PricedUsage, Usage } from '../../../lib/pipeline/index.ts';
import { compilePrices } from '../../../lib/providers/prices/price-list.ts';
import { type PriceSettings, RATE_NAMES, scaledRate } from '../../../lib/providers/prices/rates.ts';

function price(settings: Omit<PriceSettings, 'models'>): Price {
  const { table, faults } = compilePrices([{ models: ['m'], ...settings }]);
  if (faults.length > 0) throw new Error(JSON.stringify(faults));
  return table.find('m')!;
}

function used(counts: Partial<PricedUsage>): PricedUsage {
  return { ...new Usage(), ...counts };
}

/** USD for a million, exact at up to six decimals. */
const rate = fc.nat(2_000_000_000).map(micros => ({ micros, text: (micros / 1e6).toFixed(6) }));
const count = fc.nat(2 ** 32);

/** Nanos of `Σ count × micro-USD ÷ 10⁶`, rounded half up. */
function nanosOf(terms: readonly (readonly [count: number, micros: number])[]): number {
  const sum = terms.reduce((total, [n, micros]) => total + BigInt(n) * BigInt(micros), 0n);
  // A micro-USD for a million is 10⁻¹² USD each: a thousandth of a nano-dollar.
  return Number((sum * 2n + 1000n) / 2000n);
}

t.test('the whole is the exact sum of its parts, rounded once', async t => {
  fc.assert(
    fc.property(
      fc.tuple(rate, rate, rate, rate, rate, rate),
      fc.tuple(count, count, count, count, count, count),
      ([input, cached, write5m, write1h, output, reasoning], [plain, hit, five, hour, said, thought]) => {
        const cost = price({
          input: input.text,
          cachedInput: cached.text,
          cacheWrite5m: write5m.text,
          cacheWrite1h: write1h.text,
          output: output.text,
          reasoning: reasoning.text,
        }).costNanos(
          used({
            inputTokens: plain + hit + five + hour,
            cachedInputTokens: hit,
            cacheWriteTokens: five + hour,
            outputTokens: said + thought,
            reasoningTokens: thought,
            measures: { cacheWrite5mTokens: five, cacheWrite1hTokens: hour },
          }),
        );
        const right = nanosOf([
          [plain, input.micros],
          [hit, cached.micros],
          [five, write5m.micros],
          [hour, write1h.micros],
          [said, output.micros],
          [thought, reasoning.micros],
        ]);
        return cost === (Number.isSafeInteger(right) ? right : null);
      },
    ),
  );
  t.pass('for any counts and rates');
});

t.test(
  'more of anything never costs less, and two calls cost what one with both would, but for rounding',
  async t => {
    fc.assert(
      fc.property(
        rate,
        rate,
        fc.nat(1e6),
        fc.nat(1e6),
        fc.nat(1e6),
        fc.nat(1e6),
        (a, b, in1, out1, in2, out2) => {
          const its = price({ input: a.text, output: b.text });
          const of = (inputTokens: number, outputTokens: number) =>
            its.costNanos(used({ inputTokens, outputTokens }))!;
          const [one, two, both] = [of(in1, out1), of(in2, out2), of(in1 + in2, out1 + out2)];
          return one >= 0 && both >= one && both >= two && Math.abs(both - one - two) <= 1;
        },
      ),
    );
    t.pass('for any two calls');
  },
);

t.test('small calls cost something', async t => {
  t.equal(price({ input: 0.15, output: 0.6 }).costNanos(used({ inputTokens: 10, outputTokens: 0 })), 1500);
  t.equal(price({ input: '0.0005', output: 0 }).costNanos(used({ inputTokens: 1 })), 1, 'half a nano is one');
  t.equal(price({ input: '0.000499', output: 0 }).costNanos(used({ inputTokens: 1 })), 0);
});

t.test('what is used and has no price makes the cost unknown', async t => {
  const its = price({ input: 3, output: 15 });
  const whole = { inputTokens: 100, outputTokens: 10 };
  t.equal(its.costNanos(used(whole)), 450_000);
  const extras: readonly Partial<PricedUsage>[] = [
    { cachedInputTokens: 1 },
    { cacheWriteTokens: 1 },
    { audioTokens: 1, measures: { audioInputTokens: 1 } },
    { audioTokens: 1, measures: { audioOutputTokens: 1 } },
    { measures: { webSearches: 1 } },
    { measures: { searchUnits: 1 } },
  ];
  for (const extra of extras)
    t.equal(its.costNanos(used({ ...whole, ...extra })), null, JSON.stringify(extra));
  const sub: Partial<PricedUsage> = {
    reasoningTokens: 5,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    measures: { imageInputTokens: 50, images: 1, webSearches: 0 },
  };
  t.equal(
    its.costNanos(used({ ...whole, ...sub })),
    450_000,
    'reasoning and images cost what their side costs',
  );
});

t.test('a side that nobody stated makes the cost unknown where it has a price', async t => {
  const its = price({ input: 3, output: 15 });
  t.equal(its.costNanos(used({ inputTokens: 100 })), null);
  t.equal(its.costNanos(used({ outputTokens: 100 })), null);
  t.equal(its.costNanos(used({})), null);
  t.equal(price({ input: 0.02, output: 0 }).costNanos(used({ inputTokens: 100 })), 2000, 'free is known');
  t.equal(price({ input: 0.02 }).costNanos(used({ inputTokens: 100 })), 2000, 'an embedding has no output');
  t.equal(price({ input: 0, output: 0 }).costNanos(used({})), 0);
  t.equal(price({ output: 15 }).costNanos(used({ inputTokens: 1, outputTokens: 1 })), null);
});

t.test('counts that contradict each other are no bill', async t => {
  const its = price({
    input: 3,
    cachedInput: 0.3,
    cacheWrite5m: 3.75,
    cacheWrite1h: 6,
    audioInput: 40,
    output: 15,
  });
  const bad: readonly Partial<PricedUsage>[] = [
    { inputTokens: 10, cachedInputTokens: 11 },
    { inputTokens: 10, cacheWriteTokens: 5, measures: { cacheWrite1hTokens: 6 } },
    { inputTokens: 10, audioTokens: 3 },
    { inputTokens: 10, cachedInputTokens: 2, audioTokens: 3, measures: { audioInputTokens: 3 } },
    { inputTokens: 10, measures: { iterationInputTokens: 90, iterationOutputTokens: 1 } },
  ];
  for (const counts of bad)
    t.equal(its.costNanos(used({ outputTokens: 1, ...counts })), null, JSON.stringify(counts));
  const thought = price({ input: 3, output: 15, reasoning: 20 });
  t.equal(
    thought.costNanos(used({ inputTokens: 0, outputTokens: 10, reasoningTokens: 12 })),
    200_000,
    'reasoning that was counted again costs no more than the output',
  );
});

t.test('every kind has its unit', async t => {
  const cost = (settings: Omit<PriceSettings, 'models'>, counts: Partial<PricedUsage>) =>
    price(settings).costNanos(used(counts));
  t.equal(cost({ request: '0.005' }, {}), 5_000_000);
  t.equal(cost({ image: 0.04 }, { measures: { images: 3 } }), 120_000_000);
  t.equal(cost({ image: 0.04 }, {}), null, 'nobody counted the images');
  t.equal(cost({ audioSecond: 0.0001 }, { measures: { audioMs: 12_340 } }), 1_234_000);
  t.equal(cost({ searchUnit: 0.002 }, { measures: { searchUnits: 2 } }), 4_000_000);
  t.equal(cost({ characters: 15 }, { measures: { characters: 1000 } }), 15_000_000);
  t.equal(cost({ webSearch: 0.01, input: 3 }, { inputTokens: 1, measures: { webSearches: 2 } }), 20_003_000);
  t.equal(cost({ webSearch: 0.01, input: 3 }, { inputTokens: 1 }), 3000);
  const audio = { audioTokens: 30, measures: { audioInputTokens: 10, audioOutputTokens: 20 } };
  t.equal(
    cost(
      { input: 1, output: 2, audioInput: 40, audioOutput: 80 },
      { inputTokens: 11, outputTokens: 22, ...audio },
    ),
    1000 + 400_000 + 4000 + 1_600_000,
  );
  t.equal(
    cost(
      { input: 2.5, output: 10 },
      { inputTokens: 600, outputTokens: 9, measures: { billedInputTokens: 5, billedOutputTokens: 4 } },
    ),
    52_500,
    'what the provider bills, not what it processed',
  );
});

t.test('a tier is for the whole exchange, and begins above its threshold', async t => {
  const its = price({
    input: 1.25,
    cachedInput: 0.125,
    output: 10,
    tiers: [
      { aboveInputTokens: 200_000, input: 2.5, output: 15 },
      { aboveInputTokens: 500_000, input: 5 },
    ],
  });
  const cost = (inputTokens: number | null, cachedInputTokens = 0) =>
    its.costNanos(used({ inputTokens, cachedInputTokens, outputTokens: 1000 }));
  t.equal(cost(200_000), 250_000_000 + 10_000_000);
  t.equal(cost(200_001), 500_002_500 + 15_000_000);
  t.equal(cost(200_001, 200_000), 2500 + 25_000_000 + 15_000_000, 'cached tokens count, at the rate below');
  t.equal(cost(500_001), 2_500_005_000 + 10_000_000, 'a tier names all that differs from the price itself');
  t.equal(cost(null), null);
});

t.test('a version stands for the rates', async t => {
  const base = { input: 3, output: 15, source: 'https://example.test/prices', asOf: '2026-01-02' };
  const version = price(base).version;
  t.match(version, /^[0-9a-f]{12}$/);
  t.equal(price({ ...base, input: '3.000' }).version, version, 'however they are written');
  const others = [
    ...RATE_NAMES.map(name => ({ ...base, [name]: 7 })),
    { ...base, asOf: '2026-01-03' },
    { ...base, source: 'https://example.test/other' },
    { ...base, tiers: [{ aboveInputTokens: 5, input: 3 }] },
  ];
  t.equal(new Set([version, ...others.map(other => price(other).version)]).size, others.length + 1);
});

t.test('no cost is past what a number holds exactly', async t => {
  t.equal(price({ input: 1_000_000 }).costNanos(used({ inputTokens: 2 ** 40 })), null);
  t.equal(price({ input: 1_000_000 }).costNanos(used({ inputTokens: 9_000_000 })), 9e15);
});

t.test('decimals are taken as written', async t => {
  t.equal(scaledRate(0.1, 12), 100_000_000_000n);
  t.equal(scaledRate('0.000000000001', 12), 1n);
  t.equal(scaledRate('0.0000000000001', 12), null);
  t.equal(scaledRate(1.5e-7, 18), 150_000_000_000n);
  t.equal(scaledRate(0.1 + 0.2, 16, true), 3_000_000_000_000_000n);
  t.equal(scaledRate(5e-324, 18, true), 0n);
  for (const wrong of [
    -1,
    -0.1,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    1_000_001,
    '1e3',
    '',
    'x',
    ' 1',
    null,
    {},
  ])
    t.equal(scaledRate(wrong, 18, true), null, String(wrong));
});
