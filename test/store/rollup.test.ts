import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import t from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import { openLedger } from '../../lib/store/index.ts';
import { factText } from './fact-text.ts';
import { must } from './must.ts';

const count = fc.option(fc.oneof(fc.nat(1000), fc.constant(2 ** 40)), { nil: null });
const word = (...words: string[]) => fc.option(fc.constantFrom(...words), { nil: null });

const members: fc.Arbitrary<Partial<Fact>> = fc.record({
  time: fc
    .integer({ min: Date.UTC(2026, 9, 30), max: Date.UTC(2026, 10, 3) })
    .map(timeMs => new Date(timeMs).toISOString()),
  kind: fc.constantFrom('request', 'admin', 'tool'),
  subject: word('alice', 'bob', ''),
  keyId: word('k1', 'k2'),
  provider: word('lab'),
  modelRequested: word('small', 'large'),
  modelServed: word('small-1', 'large'),
  outcome: fc.constantFrom('complete', 'clientAborted', 'upstreamFailed', 'refused', 'drainCut', 'lost'),
  usageSource: fc.constantFrom('provider', 'estimated', 'none'),
  inputTokens: count,
  outputTokens: count,
  cachedInputTokens: count,
  reasoningTokens: count,
  costNanos: count,
  refusals: fc.option(fc.nat(100), { nil: null }),
});

/** Facts under few ids, so that some come again and some contradict each other, in batches. */
const batches = fc.array(
  fc.array(
    fc.tuple(fc.integer({ min: 1, max: 12 }), members).map(([seq, rest]) => factText(seq, rest)),
    { maxLength: 8 },
  ),
  { maxLength: 6 },
);

t.test('running sums equal a rebuild, whatever came and however often', async t => {
  const file = join(t.testdir(), 'weir.db');
  const ledger = openLedger(`sqlite:${file}`);
  t.teardown(() => ledger.close());
  const rows = () => {
    const database = new DatabaseSync(file, { readOnly: true });
    const all = database.prepare('SELECT * FROM rollup ORDER BY span, day, series').all();
    database.close();
    return all;
  };
  let boot = 0;
  await fc.assert(
    fc.asyncProperty(batches, async texts => {
      boot++;
      const own = texts.map(batch =>
        batch.map(text => text.replace('00000000000000aa', boot.toString(16).padStart(16, '0'))),
      );
      for (const batch of own) await must(ledger.append(batch, []));
      for (const batch of own.toReversed()) t.equal((await must(ledger.append(batch, []))).added, 0);
      const live = rows();
      if ((await must(ledger.check())).wrongSums !== 0) return false;
      await must(ledger.rebuild());
      t.strictSame(rows(), live);
      return true;
    }),
    { numRuns: 40 },
  );
  t.ok((await must(ledger.check())).facts > 0);
});

t.test('a wrong sum is found and made right', async t => {
  const file = join(t.testdir(), 'weir.db');
  const ledger = openLedger(`sqlite:${file}`);
  t.teardown(() => ledger.close());
  await must(ledger.append([factText(1), factText(2, { subject: 'bob' })], []));
  const database = new DatabaseSync(file);
  database.exec("UPDATE rollup SET input_tokens = input_tokens + 1 WHERE series = 1 AND span = 'month'");
  database.close();
  t.equal((await must(ledger.check())).wrongSums, 1);
  await must(ledger.rebuild());
  t.equal((await must(ledger.check())).wrongSums, 0);
});
