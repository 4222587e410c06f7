import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t from 'tap';
import { openLedger } from '../../lib/store/index.ts';
import { factText } from './fact-text.ts';
import { must } from './must.ts';
import { checkRunningSums } from './running-sums.ts';

t.test('running sums equal a rebuild, whatever came and however often', async t => {
  const file = join(t.testdir(), 'weir.db');
  const ledger = openLedger(`sqlite:${file}`);
  t.teardown(() => ledger.close());
  const rows = async () => {
    const database = new DatabaseSync(file, { readOnly: true });
    const all = database.prepare('SELECT * FROM rollup ORDER BY span, day, series').all();
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
