import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import { facts } from '../../lib/store/engines/sqlite/migrations/0001-facts.ts';
import { openLedger } from '../../lib/store/index.ts';
import { SUMS } from '../../lib/store/sql/sums.ts';
import { factText } from './fact-text.ts';
import { must } from './must.ts';
import { checkRunningSums } from './running-sums.ts';

t.test('running sums equal a rebuild, whatever came and however often', async t => {
  const file = join(t.testdir(), 'weir.db');
  const ledger = openLedger(`sqlite:${file}`);
  t.teardown(() => ledger.close());
  const rows = async () => {
    const database = new DatabaseSync(file, { readOnly: true });
    const all = [
      ...database.prepare('SELECT * FROM rollup ORDER BY span, day, series').all(),
      ...database.prepare('SELECT * FROM tag_rollup ORDER BY tag, span, day, series').all(),
    ];
    database.close();
    return all;
  };
  await checkRunningSums(t, ledger, rows, 40);
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
