import { join } from 'node:path';
import t from 'tap';
import { openLedger } from '../../../lib/store/index.ts';
import { provider } from '../../providers/compiled.ts';
import { factText } from '../../store/fact-text.ts';

/** Six decimals of a dollar for a million: a millionth of a nano-dollar is the finest part. */
const RATES = { input: 2_503_417, cachedInput: 250_341, cacheWrite5m: 3_129_271, output: 10_013_669 };
const EXACT_PER_NANO = 1000n;

const prices = provider('lab', {
  lab: {
    origin: 'http://10.0.0.5',
    dialect: 'openai',
    prices: [
      {
        models: ['*'],
        ...Object.fromEntries(
          Object.entries(RATES).map(([name, micros]) => [name, (micros / 1e6).toFixed(6)]),
        ),
      },
    ],
  },
}).prices.find('any')!;

/** mulberry32: the same exchanges in every run. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

interface Line {
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly cachedInputTokens: number;
  readonly cacheWriteTokens: number;
  readonly costNanos: number;
  /** In thousandths of a nano-dollar. */
  readonly exact: bigint;
}

function lineOf(random: (below: number) => number): Line {
  const [plain, cached, written, outputTokens] = [
    random(100_000),
    random(100_000),
    random(20_000),
    random(8000),
  ];
  const used = {
    inputTokens: plain + cached + written,
    outputTokens,
    cachedInputTokens: cached,
    cacheWriteTokens: written,
  };
  const exact =
    BigInt(plain) * BigInt(RATES.input) +
    BigInt(cached) * BigInt(RATES.cachedInput) +
    BigInt(written) * BigInt(RATES.cacheWrite5m) +
    BigInt(outputTokens) * BigInt(RATES.output);
  const costNanos = prices.costNanos({ ...used, reasoningTokens: null, audioTokens: null, measures: {} })!;
  return { ...used, costNanos, exact };
}

t.test(
  'a million random exchanges: each is rounded once, by half a nano-dollar at most, and no drift is left',
  async t => {
    const random = randomFrom(7);
    const count = 1_000_000;
    let sum = 0n;
    let exact = 0n;
    let wrong = 0;
    for (let i = 0; i < count; i++) {
      const line = lineOf(random);
      const right = (line.exact + EXACT_PER_NANO / 2n) / EXACT_PER_NANO;
      if (BigInt(line.costNanos) !== right) wrong++;
      sum += BigInt(line.costNanos);
      exact += line.exact;
    }
    t.equal(wrong, 0, 'each line is the rounded exact sum');
    const driftNanos = Number(sum * EXACT_PER_NANO - exact) / Number(EXACT_PER_NANO);
    t.comment(`sum ${sum} nano-dollars, ${driftNanos.toFixed(1)} from the exact sum over ${count} lines`);
    t.ok(Math.abs(driftNanos) <= count / 2, 'never more than the one rounding of each');
    // Half a nano-dollar either way, independent: the spread grows with the root of their number.
    t.ok(Math.abs(driftNanos) < 5 * Math.sqrt(count / 12), 'and nothing systematic');
  },
);

t.test('the total of the store is the sum of its lines, exactly', async t => {
  const random = randomFrom(11);
  const store = openLedger(`sqlite:${join(t.testdir(), 'sums.db')}`);
  t.teardown(() => store.close());
  const subjects = ['ada', 'bob', 'cleo'];
  const sums = new Map<string, bigint>();
  const count = 100_000;
  const batch = 5000;
  for (let first = 0; first < count; first += batch) {
    const texts = Array.from({ length: batch }, (_, i) => {
      const { exact: _exact, ...line } = lineOf(random);
      const subject = subjects[(first + i) % subjects.length]!;
      sums.set(subject, (sums.get(subject) ?? 0n) + BigInt(line.costNanos));
      return factText(first + i, { ...line, subject, costSource: 'price', usageSource: 'provider' });
    });
    const appended = await store.append(texts, []);
    if (!appended.ok || appended.value.added !== batch) t.fail(JSON.stringify(appended));
  }
  const summary = await store.summary({ by: ['subject'], limit: 10 });
  t.ok(summary.ok);
  if (!summary.ok) return;
  for (const row of summary.value.rows)
    t.equal(row.costNanos, sums.get(row.group.subject!), `${row.group.subject}: ${row.costNanos}`);
  t.equal(summary.value.rows.length, subjects.length);
  const total = await store.summary({ by: [], limit: 1 });
  t.equal(
    total.ok && total.value.rows[0]!.costNanos,
    [...sums.values()].reduce((all, one) => all + one, 0n),
    'and the whole is the sum of all',
  );
});
