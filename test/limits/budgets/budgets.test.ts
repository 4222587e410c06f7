import fc from 'fast-check';
import t from 'tap';
import type { BudgetSettings } from '../../../lib/limits/index.ts';
import type { Exchange, Outcome } from '../../../lib/pipeline/index.ts';
import { keyOf } from '../sample.ts';
import { BudgetLab, type Ended } from './sample.ts';

type Rule = BudgetSettings['rules'][number];

function labWith(...rules: readonly Rule[]): BudgetLab {
  return new BudgetLab({ rules });
}

t.test('all or none: what one budget refuses no other has counted', async t => {
  const lab = labWith({ of: 'all', requests: 10, per: 'month' }, { of: 'key', requests: 1, per: 'day' });
  const first = await lab.ask();
  t.equal(first.refusal, undefined);
  const second = await lab.ask();
  t.equal(second.refusal?.code, 'insufficient_quota');
  const [all] = await lab.rows();
  t.strictSame(all!.reserved, { requests: 1, tokens: 0, usd: '0.000000000' });
});

t.test('a thousand at once pass no cap', async t => {
  const lab = labWith({ of: 'subject', tokens: 10_000, per: 'day' });
  const asked = await Promise.all(Array.from({ length: 1000 }, () => lab.ask({ body: { max_tokens: 83 } })));
  const admitted = asked.filter(({ refusal }) => refusal === undefined);
  // {"max_tokens":83} has 17 bytes.
  t.equal(admitted.length, 100);
  t.equal(lab.source.queries.length, 1, 'and they share one load');
});

t.test('windows roll over, and an exchange counts in the one in which it began', async t => {
  const lab = labWith({ of: 'key', requests: 1, per: 'hour' });
  const { exchange } = await lab.ask();
  t.equal((await lab.ask()).refusal?.code, 'insufficient_quota');
  lab.clock.pass(3_600_000);
  const next = await lab.ask();
  t.equal(next.refusal, undefined, 'a fresh hour');
  lab.end(exchange, { input: 5, output: 5 });
  t.equal((await lab.ask()).refusal?.code, 'insufficient_quota', 'the old one ended in its own hour');
});

t.test('the answer says when: the last of those that are used up, within what SDKs take', async t => {
  const lab = labWith({ of: 'key', requests: 1, per: 'hour' }, { of: 'all', requests: 1, per: 'lifetime' });
  await lab.ask();
  const { refusal } = await lab.ask();
  t.equal(refusal!.retryAfterSeconds, 0);
  t.strictSame(refusal!.fields, [], 'never');
  t.equal(refusal!.message, 'What is left of the budget of this key may not be enough for this request.');
  t.match(refusal!.detail, /^key k1 per hour: 0 \+ 1 of 1 requests; all per lifetime/);
});

t.test('a store that is down: refused, or served by what is known here', async t => {
  const refuses = labWith({ of: 'key', requests: 5, per: 'day' });
  refuses.source.isDown = true;
  t.equal((await refuses.ask()).refusal?.code, 'budget_unavailable');
  t.equal((await refuses.ask()).refusal?.code, 'budget_unavailable');
  t.equal(refuses.warnings.length, 1, 'said once');
  t.equal(refuses.budgets.degraded()[0]!.code, 'budgets_blind');
  refuses.source.isDown = false;
  refuses.clock.pass(1001);
  t.equal((await refuses.ask()).refusal, undefined, 'and asked again');
  t.strictSame(refuses.budgets.degraded(), []);
  refuses.source.isDown = true;
  t.equal((await refuses.ask()).refusal, undefined, 'what was known stays known');

  const allows = new BudgetLab({ onStoreDown: 'allow', rules: [{ of: 'key', requests: 2, per: 'day' }] });
  allows.source.isDown = true;
  t.equal((await allows.ask()).refusal, undefined);
  t.equal((await allows.ask()).refusal, undefined);
  t.equal((await allows.ask()).refusal?.code, 'insufficient_quota', 'the cap holds for what is seen here');
});

t.test('a charge that arrives while the store is asked counts once', async t => {
  const lab = labWith({ of: 'key', requests: 100, tokens: 100_000, per: 'day' });
  const running = await lab.ask();
  const early = await lab.ask();
  lab.end(early.exchange, { input: 10, output: 10 });
  // Settled after the store was brought up to date, and there before it is asked.
  lab.source.between = () => {
    lab.end(running.exchange, { input: 1, output: 1 });
    lab.source.ship();
  };
  lab.clock.pass(10 * 600_000);
  t.equal((await lab.ask()).refusal, undefined);
  const [row] = await lab.rows();
  t.hasStrict(row!.spent as object, { requests: 2, tokens: 22 });
});

t.test('few accounts in memory are enough: the store knows the rest', async t => {
  const lab = new BudgetLab({ maxAccounts: 3, rules: [{ of: 'key', requests: 2, per: 'day' }] });
  const counts = new Map<string, number>();
  for (let i = 0; i < 60; i++) {
    const key = `k${i % 10}`;
    const { exchange, refusal } = await lab.ask({ principal: keyOf(key) });
    if (refusal !== undefined) continue;
    counts.set(key, (counts.get(key) ?? 0) + 1);
    lab.end(exchange, { input: 1, output: 1 });
  }
  t.ok([...counts.values()].every(count => count === 2));
  t.ok((await lab.rows()).length <= 4);
});

t.test('free calls pass a budget of money or tokens that is used up', async t => {
  const lab = labWith({ of: 'key', tokens: 20, usd: '0.0001', per: 'day' });
  const { exchange } = await lab.ask({ body: { max_tokens: 1 } });
  lab.end(exchange, { input: 500, output: 500 });
  t.equal((await lab.ask({ body: { max_tokens: 1 } })).refusal?.code, 'insufficient_quota');
  t.equal(
    (await lab.ask({ method: 'GET', operation: 'models', body: null, model: null })).refusal,
    undefined,
  );
});

t.test('a reload keeps what was used and reserved', async t => {
  const lab = labWith({ of: 'key', requests: 2, per: 'day' });
  const { exchange } = await lab.ask();
  lab.reload({ rules: [{ of: 'key', requests: 3, per: 'day' }] });
  t.equal((await lab.ask()).refusal, undefined);
  t.equal((await lab.ask()).refusal, undefined);
  t.equal((await lab.ask()).refusal?.code, 'insufficient_quota');
  lab.end(exchange, { attempts: 0, outcome: 'clientAborted', status: null });
  t.equal((await lab.ask()).refusal, undefined, 'what was held before is given back');
});

const outcomes: readonly Outcome[] = [
  'complete',
  'clientAborted',
  'upstreamFailed',
  'upstreamTruncated',
  'refused',
  'drainCut',
];
const tokens = fc.option(fc.nat(500), { nil: null });
const ended: fc.Arbitrary<Ended> = fc.record({
  outcome: fc.constantFrom(...outcomes),
  status: fc.constantFrom(200, 200, 200, 400, 429, 500, null),
  attempts: fc.constantFrom(0, 1, 1, 2),
  input: tokens,
  output: tokens,
  responseBytes: fc.nat(4000),
  errorCode: fc.constantFrom('', 'upstream_unreachable', 'upstream_timeout'),
});
const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('begin' as const),
      key: fc.constantFrom('k1', 'k2'),
      tags: fc.constantFrom<Record<string, string>>({}, { team: 'a' }),
      model: fc.constantFrom('priced', 'unpriced', null),
      method: fc.constantFrom('POST', 'POST', 'GET'),
      maxTokens: fc.option(fc.nat(300), { nil: undefined }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('end' as const), at: fc.nat(20), ended }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.nat(2_700_000) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('ship' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('outage' as const), isDown: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const) }) },
);

const RULES: readonly Rule[] = [
  { of: 'all', requests: 1_000_000, per: 'lifetime' },
  { of: 'key', is: 'k1', tokens: 1_000_000, per: 'hour' },
  { of: 'subject', requests: 1_000_000, per: 'month' },
  { of: 'tag', tag: 'team', usd: 100, per: 'week' },
];

t.test('law: at rest, memory says what the store says, whatever happened', async t => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom('allow', 'hold' as const),
      async (steps, unknownCost) => {
        const settings = {
          rules: RULES,
          unknownCost: unknownCost as 'allow' | 'hold',
          unknownCostUsd: '0.01',
          onStoreDown: 'allow' as const,
        };
        const lab = new BudgetLab(settings);
        const running: Exchange[] = [];
        for (const one of steps) {
          if (one.kind === 'begin') {
            const principal = { ...keyOf(one.key), tags: one.tags };
            const body = one.method === 'GET' ? null : { max_tokens: one.maxTokens };
            const { exchange, refusal } = await lab.ask({
              principal,
              model: one.model,
              method: one.method,
              body,
            });
            if (refusal === undefined) running.push(exchange);
          } else if (one.kind === 'end' && running.length > 0) {
            lab.end(running.splice(one.at % running.length, 1)[0]!, one.ended);
          } else if (one.kind === 'wait') lab.clock.pass(one.ms);
          else if (one.kind === 'ship') lab.source.ship();
          else if (one.kind === 'outage') lab.source.isDown = one.isDown;
          else if (one.kind === 'reload') lab.reload(settings);
        }
        for (const exchange of running) lab.end(exchange, { input: 7, output: 3 });
        lab.source.isDown = false;
        lab.source.ship();
        const rows = await lab.rows();
        await lab.budgets.close();
        return rows.every(row => agrees(lab, row));
      },
    ),
    { numRuns: 300 },
  );
  t.pass('300 histories');
});

function agrees(lab: BudgetLab, row: Readonly<Record<string, unknown>>): boolean {
  // Served without the store's word, and never asked about since.
  if (row.spent === null) return true;
  const { of, is, tag, since, resets } = row as Record<string, string | null>;
  const scope = { of, ...(is === null ? {} : { is }), ...(tag === null ? {} : { tag }) };
  const sums = lab.source.sum({
    scope: scope as Parameters<typeof lab.source.sum>[0]['scope'],
    sinceMs: Date.parse(since!),
    untilMs: resets === null ? null : Date.parse(resets!),
    except: [],
  });
  const spent = row.spent as { requests: number; tokens: number; usd: string };
  const reserved = row.reserved as { requests: number; tokens: number; usd: string };
  return (
    spent.requests === sums.requests &&
    spent.tokens === sums.tokens &&
    BigInt(spent.usd.replace('.', '')) === sums.costNanos &&
    reserved.requests === 0 &&
    reserved.tokens === 0 &&
    /^0\.0+$/.test(reserved.usd)
  );
}
