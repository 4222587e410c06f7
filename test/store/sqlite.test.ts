import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import { type Ledger, type LedgerOptions, openLedger } from '../../lib/store/index.ts';
import { conformance } from './conformance.ts';
import { factText, factTexts } from './fact-text.ts';
import { must, problemOf } from './must.ts';

function openAt(t: Test, file: string, options?: LedgerOptions): Ledger {
  const ledger = openLedger(`sqlite:${file}`, options);
  t.teardown(() => ledger.close());
  return ledger;
}

await conformance(t, 'sqlite', t => {
  const file = join(t.testdir(), 'weir.db');
  return { open: () => openAt(t, file) };
});

t.test('the file and its folder are made, not for everybody to read', async t => {
  const file = join(t.testdir(), 'data', 'deep', 'weir.db');
  const ledger = openAt(t, file);
  t.throws(() => statSync(file), 'nothing is opened before it is needed');
  await must(ledger.append([factText(1)], []));
  t.equal(statSync(file).mode & 0o007, 0);
});

t.test('a fact can neither be changed nor removed in the file itself', async t => {
  const file = join(t.testdir(), 'weir.db');
  await must(openAt(t, file).append([factText(1)], []));
  const database = new DatabaseSync(file);
  t.teardown(() => database.close());
  t.throws(() => database.exec('UPDATE facts SET input_tokens = 0'), /never changed/);
  t.throws(() => database.exec('DELETE FROM facts'), /never removed/);
});

t.test('a look changes nothing and makes nothing', async t => {
  const file = join(t.testdir(), 'weir.db');
  const look = openAt(t, file, { readOnly: true });
  t.match(await problemOf(look.summary({ by: [], limit: 1 })), /nothing was stored yet/);
  t.throws(() => statSync(file));
  await must(openAt(t, file).append(factTexts(1, 3), []));
  t.equal((await must(look.summary({ by: [], limit: 1 }))).rows[0]!.requests, 3, 'beside the one who writes');
  t.match(await problemOf(look.append([factText(4)], [])), /readonly/);
});

t.test('a file that is not ours stays as it is', async t => {
  const folder = t.testdir({
    'notes.txt': 'not a database at all, only some words in a file of some length',
  });
  const text = join(folder, 'notes.txt');
  const before = readFileSync(text);
  await problemOf(openAt(t, text).append([factText(1)], []));
  t.strictSame(readFileSync(text), before);
  const file = join(folder, 'other.db');
  const other = new DatabaseSync(file);
  other.exec('CREATE TABLE facts (x)');
  const bytes = readFileSync(file);
  t.match(await problemOf(openAt(t, file).append([factText(1)], [])), /no store of Weir/);
  t.strictSame(other.prepare('SELECT name FROM sqlite_schema').all().length, 1);
  t.ok(readFileSync(file).equals(bytes), 'to the byte');
  other.close();
});

t.test('a store of a newer version is refused', async t => {
  const file = join(t.testdir(), 'weir.db');
  const first = openAt(t, file);
  await must(first.append([factText(1)], []));
  await first.close();
  const database = new DatabaseSync(file);
  database.exec('PRAGMA user_version = 999');
  database.close();
  t.match(await problemOf(openAt(t, file).append([factText(2)], [])), /newer Weir/);
  t.match(await problemOf(openAt(t, file, { readOnly: true }).check()), /newer Weir/);
});

t.test('a locked store says so, freezes nobody meanwhile, and takes facts again', async t => {
  const file = join(t.testdir(), 'weir.db');
  const ledger = openAt(t, file, { busyMs: 300 });
  await must(ledger.append([factText(1)], []));
  const other = new DatabaseSync(file);
  other.exec('BEGIN IMMEDIATE');
  let turns = 0;
  const ticks = setInterval(() => turns++, 5);
  const problem = await problemOf(ledger.append([factText(2)], []));
  clearInterval(ticks);
  t.match(problem, /locked/);
  t.ok(turns > 10, `the event loop went on: ${turns} turns`);
  other.exec('COMMIT');
  other.close();
  t.equal((await must(ledger.append([factText(2)], []))).added, 1);
});

t.test('a file that was moved away is not written to; one that came back is read anew', async t => {
  const folder = t.testdir();
  const file = join(folder, 'weir.db');
  const ledger = openAt(t, file);
  await must(ledger.append([factText(1)], []));
  const requests = async (): Promise<number> =>
    (await must(ledger.summary({ by: [], limit: 1 }))).rows[0]!.requests;
  t.equal(await requests(), 1);
  for (const end of ['', '-wal', '-shm']) renameSync(file + end, join(folder, `moved.db${end}`));
  t.match(await problemOf(ledger.append([factText(2)], [])), /moved or replaced/);
  t.equal((await must(ledger.append(factTexts(1, 2), []))).added, 2, 'into a new file');
  t.equal(await requests(), 2, 'and it is read from there');
});

t.test('what is written does not wait for what is read', async t => {
  const ledger = openAt(t, join(t.testdir(), 'weir.db'));
  await must(ledger.append(factTexts(1, 2000), []));
  await must(ledger.summary({ by: [], limit: 1 }));
  const order: string[] = [];
  const reading = Array.from({ length: 20 }, async () => {
    await must(ledger.check());
    order.push('read');
  });
  await must(ledger.append([factText(3000)], []));
  order.push('written');
  await Promise.all(reading);
  t.ok(order.indexOf('written') < 10, `it was number ${order.indexOf('written')}`);
});

t.test('two that make a store at once make one', async t => {
  for (let i = 0; i < 20; i++) {
    const file = join(t.testdirName, `made-${i}`, 'weir.db');
    const ledger = openAt(t, file);
    const [sums] = await Promise.all([
      must(ledger.summary({ by: [], limit: 1 })),
      must(ledger.append([factText(1)], [])),
    ]);
    t.ok(sums.rows.length <= 1);
    await ledger.close();
  }
});

t.test('a damaged file is a problem, not a crash', async t => {
  const file = join(t.testdir(), 'weir.db');
  const first = openAt(t, file);
  await must(first.append(factTexts(1, 500), []));
  await first.close();
  const bytes = readFileSync(file);
  bytes.fill(0x5a, 4096);
  writeFileSync(file, bytes);
  const ledger = openAt(t, file);
  t.ok((await problemOf(ledger.append([factText(501)], []))).length > 0);
  rmSync(file);
  t.equal((await must(ledger.append([factText(501)], []))).added, 1);
});

t.test('closed is closed, and what was asked before is answered', async t => {
  const file = join(mkdtempSync(join(t.testdir(), 'x')), 'weir.db');
  const ledger = openLedger(`sqlite:${file}`);
  const asked = ledger.append([factText(1)], []);
  await ledger.close();
  t.equal((await must(asked)).added, 1);
  t.match(await problemOf(ledger.check()), /closed/);
  await ledger.close();
});

t.test('a sum that 64 bits do not hold stays at the most they do, and stops no fact', async t => {
  const file = join(t.testdir(), 'weir.db');
  const ledger = openAt(t, file);
  const most = Number.MAX_SAFE_INTEGER;
  const members = { costNanos: most, inputTokens: most, refusals: most, tags: { team: 'a' } };
  for (const first of [1, 701])
    t.equal((await must(ledger.append(factTexts(first, first + 699, members), []))).added, 700);
  const { rows } = await must(ledger.summary({ by: [], limit: 1 }));
  t.equal(rows[0]!.costNanos, 2n ** 63n - 1n);
  t.equal((await must(ledger.append([factText(1401)], []))).added, 1);
});

const isRoot = process.getuid?.() === 0 && 'root may read everything';

t.test('a store that may not be read is told from one that is not there', { skip: isRoot }, async t => {
  const folder = t.testdir();
  const file = join(folder, 'weir.db');
  const first = openAt(t, file);
  await must(first.append([factText(1)], []));
  await first.close();
  chmodSync(folder, 0o555);
  t.teardown(() => chmodSync(folder, 0o755));
  t.match(await problemOf(openAt(t, file, { readOnly: true }).check()), /while no gateway has it open/);
  chmodSync(file, 0);
  t.match(
    await problemOf(openAt(t, file, { readOnly: true }).check()),
    /cannot be read by this user: EACCES/,
  );
  // The folder of the test is removed before teardowns run.
  chmodSync(folder, 0o755);
});
