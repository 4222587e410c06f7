import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import fc from 'fast-check';
import t from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import { facts } from '../../lib/store/engines/sqlite/migrations/0001-facts.ts';
import { SUMS } from '../../lib/store/engines/sqlite/sums.ts';
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
  attempts: fc.nat(2),
  chargedTokens: count,
  chargedNanos: count,
  tags: fc.dictionary(fc.constantFrom('team', 'site', ''), fc.constantFrom('a', 'b', '"', '')),
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
  // The first history may be an empty one.
  await must(ledger.append([], []));
  const rows = () => {
    const database = new DatabaseSync(file, { readOnly: true });
    const all = [
      ...database.prepare('SELECT * FROM rollup ORDER BY span, day, series').all(),
      ...database.prepare('SELECT * FROM tag_rollup ORDER BY tag, span, day, series').all(),
    ];
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

t.test('a store of the first version is brought to this one: its facts count as what they used', async t => {
  const file = join(t.testdir(), 'weir.db');
  const texts = [
    factText(1, { tags: { team: 'a' } }),
    factText(2, {
      tags: { team: 'b' },
      outcome: 'refused',
      attempts: 0,
      inputTokens: null,
      outputTokens: null,
    }),
    factText(3, { tags: { team: 'a' }, costNanos: null, time: '2026-10-01T00:00:00.000Z' }),
    factText(4),
  ];
  const old = new DatabaseSync(file);
  old.exec(`PRAGMA application_id = ${0x57454952}; ${facts.sql}; PRAGMA user_version = 1`);
  old.exec("INSERT INTO series (id, name, kind, subject) VALUES (1, 's', 'request', 'alice')");
  const add = old.prepare(
    `INSERT INTO facts (id, time_ms, series, outcome, usage_source, requests, input_tokens, output_tokens, cost_nanos, payload)
     VALUES (?, ?, 1, ?, 'provider', 1, ?, ?, ?, ?)`,
  );
  for (const text of texts) {
    const { id, time, outcome, inputTokens, outputTokens, costNanos } = JSON.parse(text) as Fact;
    add.run(id, Date.parse(time), outcome, inputTokens, outputTokens, costNanos, text);
  }
  // As the first version kept them.
  const columns = old
    .prepare('SELECT name FROM pragma_table_info(?)')
    .all('rollup')
    .map(({ name }) => String(name));
  const sums = SUMS.filter(({ column }) => columns.includes(column));
  for (const [span, day] of [
    ['day', 'time_ms / 86400000'],
    ['month', "unixepoch(time_ms / 1000, 'unixepoch', 'start of month') / 86400"],
  ])
    old.exec(
      `INSERT INTO rollup (span, day, series, ${sums.map(({ column }) => column).join(', ')})
       SELECT '${span}', ${day}, series, ${sums.map(({ ofFact }) => `sum(${ofFact})`).join(', ')} FROM facts GROUP BY 2, 3`,
    );
  old.close();
  const ledger = openLedger(`sqlite:${file}`);
  t.teardown(() => ledger.close());
  t.equal((await must(ledger.append([], []))).added, 0);
  t.equal((await must(ledger.check())).wrongSums, 0);
  const query = { sinceMs: 0, untilMs: null, except: [] };
  const all = await must(ledger.spent({ scope: { of: 'all' }, ...query }));
  t.strictSame(all, { requests: 3, tokens: 45, costNanos: 3000n });
  const tagged = await must(ledger.spent({ scope: { of: 'tag', tag: 'team', is: 'a' }, ...query }));
  t.strictSame(tagged, { requests: 2, tokens: 30, costNanos: 1000n });
});
