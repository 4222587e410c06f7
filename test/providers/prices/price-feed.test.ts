import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Warning } from '../../../lib/pipeline/index.ts';
import { PriceFeed, type PriceSource, type SourceReading } from '../../../lib/providers/index.ts';

const SETTING = 'https://prices.test/list.json?token=SECRET-7';
const DAY_MS = 86_400_000;

/** A list of so many models at one price. */
function listOf(models: number, usd = 1e-6): string {
  const entries = Array.from({ length: models }, (_, i) => [
    `m-${i}`,
    { litellm_provider: 'lab', input_cost_per_token: usd },
  ]);
  return JSON.stringify(Object.fromEntries(entries));
}

const textOf = (text: string, validator: string | null = null): SourceReading => ({
  kind: 'text',
  text,
  validator,
});

/** Gives what the test says next, and keeps what it was asked with. */
class ScriptedSource implements PriceSource {
  readonly name = 'https://prices.test/list.json';
  readonly asked: (string | null)[] = [];
  next: SourceReading | Promise<SourceReading> = { kind: 'failed', reason: 'answered 500' };

  async read(validator: string | null): Promise<SourceReading> {
    this.asked.push(validator);
    return this.next;
  }
}

interface Lab {
  readonly feed: PriceFeed;
  readonly source: ScriptedSource;
  readonly warnings: Warning[];
  readonly told: { changes: number };
  readonly clock: { nowMs: number };
}

async function open(
  t: Test,
  first: SourceReading | Promise<SourceReading>,
  lastGoodPath: string | null = null,
  setting = SETTING,
): Promise<Lab> {
  const source = new ScriptedSource();
  source.next = first;
  const warnings: Warning[] = [];
  const told = { changes: 0 };
  const clock = { nowMs: Date.parse('2026-11-21T00:00:00Z') };
  const feed = await PriceFeed.open({
    setting,
    source,
    lastGoodPath,
    refreshMs: DAY_MS,
    clock: { wallMs: () => clock.nowMs, monotonicMs: () => clock.nowMs },
    warn: warning => warnings.push(warning),
    changed: () => told.changes++,
  });
  t.teardown(() => feed.close());
  return { feed, source, warnings, told, clock };
}

const costOf = (feed: PriceFeed, model = 'm-0') =>
  feed.list?.get('lab')?.find(model)?.costNanos({
    inputTokens: 1000,
    outputTokens: null,
    cachedInputTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
    audioTokens: null,
    measures: {},
  }) ?? null;

const metric = ({ feed }: Lab, name: string) =>
  feed.metrics.find(one => one.name === name)!.read()[0]?.value ?? null;

t.test('a new list takes the place of the old one, whole, and is asked for with what is known', async t => {
  const lab = await open(t, textOf(listOf(4), '"one"'));
  const { feed, source, told } = lab;
  t.equal(costOf(feed), 1_000_000);
  t.equal(told.changes, 0, 'what open gave is no change');
  source.next = { kind: 'unchanged' };
  lab.clock.nowMs += 5000;
  t.equal(metric(lab, 'weir_price_list_age_seconds'), 5);
  await feed.refresh();
  t.equal(metric(lab, 'weir_price_list_age_seconds'), 0, 'still the same is as good as new');
  t.equal(told.changes, 0);
  source.next = textOf(listOf(5, 2e-6), '"two"');
  await feed.refresh();
  t.equal(costOf(feed), 2_000_000);
  t.equal(told.changes, 1);
  t.strictSame(source.asked, [null, '"one"', '"one"']);
  t.equal(metric(lab, 'weir_price_list_models'), 5);
  t.strictSame(feed.degraded(), []);
});

const BAD: readonly [string, SourceReading, RegExp][] = [
  ['one bad brace', textOf(listOf(4, 9e-6).slice(0, -1)), /is not JSON/],
  [
    'one bad price',
    textOf(listOf(4, 9e-6).replace('"m-3":{', '"m-3":{"output_cost_per_token":-1,')),
    /"m-3"\.output_cost_per_token is not a price/,
  ],
  ['nothing in it', textOf('{}'), /holds no prices/],
  ['most models gone', textOf(listOf(1, 9e-6)), /has 1 models where there were 4/],
  ['no answer', { kind: 'failed', reason: 'answered 503' }, /answered 503/],
];

for (const [name, bad, reason] of BAD) {
  t.test(`${name}: the last good list stands, and that is told once and shown all the while`, async t => {
    const lab = await open(t, textOf(listOf(4)));
    const { feed, source, warnings, told } = lab;
    source.next = bad;
    lab.clock.nowMs += 60_000;
    await feed.refresh();
    await feed.refresh();
    t.equal(costOf(feed), 1_000_000);
    t.equal(told.changes, 0);
    t.equal(metric(lab, 'weir_price_list_failures_total'), 2);
    t.equal(metric(lab, 'weir_price_list_age_seconds'), 60);
    t.equal(warnings.length, 1);
    t.match(warnings[0], { code: 'price_list_failing', message: reason });
    const [shown] = feed.degraded();
    t.match(shown, { code: 'price_list_stale', message: reason, refuses: false });
    t.match(shown!.message, '2026-11-21T00:00:00.000Z', 'which one stands');
    t.notMatch(JSON.stringify([warnings, feed.degraded()]), 'SECRET', 'a token in the address is not told');
    source.next = textOf(listOf(3, 3e-6));
    await feed.refresh();
    t.equal(costOf(feed), 3_000_000);
    t.equal(warnings.at(-1)!.code, 'price_list_recovered');
    t.strictSame(feed.degraded(), []);
  });
}

t.test('the last good list outlives the process', async t => {
  const path = join(t.testdir(), 'data/prices.last.json');
  await open(t, textOf(listOf(4), '"one"'), path);
  t.notMatch(readFileSync(path, 'utf8'), 'SECRET');
  const away: SourceReading = { kind: 'failed', reason: 'cannot be reached (ECONNREFUSED)' };
  const again = await open(t, away, path);
  await again.feed.refresh();
  t.equal(costOf(again.feed), 1_000_000);
  t.equal(again.source.asked[0], '"one"', 'it is asked for with what is kept');
  t.match(again.feed.degraded(), [{ code: 'price_list_stale', refuses: false }]);
  const other = await open(t, away, path, 'https://prices.test/other.json');
  t.equal(other.feed.list, null, 'a list of another address is not taken for this one');
  writeFileSync(path, readFileSync(path, 'utf8').replace('1e-', '7e-').replace('0.000001', '0.000007'));
  t.equal((await open(t, away, path)).feed.list, null, 'nor one that was changed by somebody');
});

t.test('without any list: none, degraded, and the first good one is news', async t => {
  const lab = await open(t, { kind: 'failed', reason: 'answered 404' });
  t.equal(lab.feed.list, null);
  t.match(lab.feed.degraded(), [{ code: 'price_list_missing', refuses: false }]);
  t.equal(metric(lab, 'weir_price_list_age_seconds'), null, 'there is none to have an age');
  lab.source.next = textOf(listOf(2));
  await lab.feed.refresh();
  t.equal(costOf(lab.feed), 1_000_000);
  t.equal(lab.told.changes, 1);
});

t.test(
  'a source that does not answer delays a start by 3 s at most, and not where a list is kept',
  async t => {
    const path = join(t.testdir(), 'prices.last.json');
    await open(t, textOf(listOf(4)), path);
    const never = new Promise<SourceReading>(() => {});
    const before = performance.now();
    t.equal(costOf((await open(t, never, path)).feed), 1_000_000);
    t.ok(performance.now() - before < 1000);
    t.equal((await open(t, never)).feed.list, null);
    t.ok(performance.now() - before < 5000);
  },
);

t.test('what cannot be kept is told, and serves', async t => {
  const folder = t.testdir({ file: 'not a folder' });
  const { feed, warnings } = await open(t, textOf(listOf(4)), join(folder, 'file/prices.last.json'));
  t.equal(costOf(feed), 1_000_000);
  t.equal(warnings[0]?.code, 'price_list_not_kept');
});
