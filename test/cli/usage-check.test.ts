import { appendFileSync, mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import { type Ledger, openLedger } from '../../lib/store/index.ts';
import { journalLine, sealedLine } from '../../lib/usage/journal-line.ts';
import { Shipper } from '../../lib/usage/ship.ts';
import { factOf } from '../store/fact-text.ts';
import { runMain } from './run-main.ts';

const SEGMENT = 'box-00000000000000aa-0-0.ndjson';
const id = (seq: number): string => `box:00000000000000aa:${seq}`;

interface Report {
  readonly ok: boolean;
  readonly boots: readonly Readonly<Record<string, number | boolean | string>>[];
  readonly store: Readonly<Record<string, unknown>>;
}

interface Scene {
  readonly segment: string;
  readonly store: string;
  readonly config: string;
  write(first: number, last: number): void;
  ship(): Promise<void>;
  /** Runs statements on the store, as no version of ours would. */
  tamper(sql: string): void;
  /** The status, the lines for people, and the report for scripts. */
  check(): Promise<{ readonly status: number; readonly lines: readonly string[]; readonly report: Report }>;
}

function scene(t: Test): Scene {
  const folder = t.testdir({ 'config.yaml': 'usage: { journal: ./journal, store: "sqlite:./weir.db" }\n' });
  const journal = join(folder, 'journal');
  mkdirSync(journal);
  const store = join(folder, 'weir.db');
  const configFile = join(folder, 'config.yaml');
  const segment = join(journal, SEGMENT);
  const withLedger = async (work: (ledger: Ledger) => Promise<unknown>): Promise<void> => {
    const ledger = openLedger(`sqlite:${store}`);
    await work(ledger).finally(() => ledger.close());
  };
  return {
    segment,
    store,
    config: configFile,
    write: (first, last) => {
      for (let seq = first; seq <= last; seq++) appendFileSync(segment, journalLine(factOf(seq)));
    },
    ship: () => withLedger(ledger => new Shipper({ folder: journal, ledger, warn: () => {} }).pass()),
    tamper: sql => {
      const database = new DatabaseSync(store);
      database.exec(sql);
      database.close();
    },
    check: async () => {
      const config = ['--config', configFile];
      const people = await runMain(['usage', 'check', ...config]);
      const script = await runMain(['usage', 'check', ...config, '--json']);
      t.equal(people.status, script.status, 'people and scripts are told the same');
      const report = JSON.parse(script.stdout) as Report;
      t.equal(report.ok, script.status === 0);
      return { status: people.status, lines: people.stdout.split('\n'), report };
    },
  };
}

/** A store with the facts of a journal, about to be tampered with. */
async function shipped(t: Test, facts = 30): Promise<Scene> {
  const s = scene(t);
  s.write(1, facts);
  await s.ship();
  return s;
}

t.test('a journal and its store that agree', async t => {
  const s = await shipped(t, 2500);
  const { status, lines, report } = await s.check();
  t.equal(status, 0);
  t.equal(lines[0], 'ok  every fact is there once, and in the store');
  t.match(lines[2], /^journal {2}2500 facts in /);
  t.equal(lines[3], 'store    2500 facts, 0 more not shipped yet, 0 no longer in the journal');
  t.strictSame(report.store, {
    facts: 2500,
    storeOnly: 0,
    missing: 0,
    notShipped: 0,
    missingIds: [],
    conflicts: 0,
    invalid: 0,
    aside: [],
    wrongSums: 0,
  });
});

t.test('what is on its way is counted and not wrong', async t => {
  const s = await shipped(t);
  s.write(31, 1234);
  const { status, lines, report } = await s.check();
  t.equal(status, 0);
  t.match(report.store, { facts: 30, notShipped: 1204, missing: 0 });
  t.equal(lines[3], 'store    30 facts, 1204 more not shipped yet, 0 no longer in the journal');
});

t.test('facts that the store lost are named', async t => {
  const s = await shipped(t);
  s.write(31, 32);
  s.tamper(`DROP TRIGGER facts_last; DELETE FROM facts WHERE id IN ('${id(7)}', '${id(30)}')`);
  const { status, lines, report } = await s.check();
  t.equal(status, 1);
  t.equal(lines[0], 'wrong  2 facts of the journal are missing in the store');
  t.match(lines[1], /sums in the store are not what their facts add up to/);
  t.ok(lines.includes(`missing  ${id(7)}, ${id(30)}`));
  t.match(report.store, { missing: 2, missingIds: [id(7), id(30)], notShipped: 2 });
});

t.test('a sum that is wrong', async t => {
  const s = await shipped(t);
  s.tamper("UPDATE rollup SET cost_nanos = cost_nanos + 1 WHERE span = 'month'");
  const { status, lines, report } = await s.check();
  t.equal(status, 1);
  t.equal(
    lines[0],
    'wrong  1 sum in the store is not what its facts add up to (weir usage rebuild makes it anew)',
  );
  t.match(report.store, { wrongSums: 1, missing: 0 });
  const rebuilt = await runMain(['usage', 'rebuild', '--config', s.config]);
  t.match(rebuilt.stdout, /^1 sum was wrong in sqlite:.*; all are made anew from \d+ facts\.\n$/);
  t.equal(rebuilt.status, 0);
  t.equal((await s.check()).status, 0);
});

t.test('a fact with the id of another, and one that cannot be counted', async t => {
  const s = await shipped(t);
  appendFileSync(s.segment, journalLine(factOf(5, { subject: 'mallory' })));
  appendFileSync(s.segment, journalLine(factOf(31, { inputTokens: -1 })));
  await s.ship();
  const { status, lines, report } = await s.check();
  t.equal(status, 1);
  t.strictSame(lines.slice(0, 4), [
    'wrong  1 fact of the journal has the id of another one',
    '       1 fact of the journal is missing in the store',
    '       1 fact came with an id that the store has with other contents, and was kept aside',
    '       1 fact cannot be counted, and was kept aside',
  ]);
  t.ok(lines.includes(`aside    ${id(5)} (conflict)`));
  t.ok(lines.includes(`aside    ${id(31)} (invalid)`));
  t.match(report.store, { conflicts: 1, invalid: 1, missingIds: [id(31)] });
});

t.test('a torn end is no fault, a changed line and a missing end are', async t => {
  const s = await shipped(t);
  truncateSync(s.segment, readFileSync(s.segment).length - 10);
  const torn = await s.check();
  t.equal(torn.status, 0, torn.lines.join('\n'));
  t.match(torn.report.boots, [{ torn: 1, facts: 29 }]);
  t.match(torn.report.store, { storeOnly: 1, missing: 0 });

  writeFileSync(s.segment, readFileSync(s.segment, 'utf8').replace('"alice"', '"mallo"'));
  appendFileSync(s.segment, `\n${sealedLine(`{"v":1,"open":true,"id":"${id(99)}"}`)}`);
  const { status, lines, report } = await s.check();
  t.equal(status, 1);
  t.strictSame(lines.slice(0, 2), [
    'wrong  2 lines of the journal are not what was written',
    '       1 exchange of a run that has ended has no fact',
  ]);
  t.match(report.boots, [{ broken: 2, open: 1 }]);
});

t.test('a store that is not there, or held by another process, is said', async t => {
  const s = scene(t);
  s.write(1, 2);
  const absent = await s.check();
  t.equal(absent.status, 1);
  t.match(
    absent.lines[0],
    /^wrong {2}the store could not be looked at: there is no .*weir\.db: nothing was stored yet$/,
  );
  t.match(absent.report.store, { problem: /nothing was stored yet/ });
  await s.ship();
  const other = new DatabaseSync(s.store);
  other.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  const held = await s.check();
  other.close();
  t.equal(held.status, 1);
  t.equal(
    held.lines[0],
    'wrong  the store could not be looked at: another process holds it locked; try again',
  );
  t.equal((await s.check()).status, 0);
});

t.test('a segment that retention removes meanwhile is no fault, and ends no tail', async t => {
  const s = scene(t);
  s.write(1, 3);
  await s.ship();
  // In the folder's list, and gone when it is opened.
  symlinkSync(join(dirname(s.store), 'nowhere'), s.segment.replace('-0.ndjson', '-1.ndjson'));
  const { status, lines } = await s.check();
  t.strictSame([status, lines[0]], [0, 'ok  every fact is there once, and in the store']);
  const tail = await runMain(['usage', 'tail', '--json', '--journal', dirname(s.segment)]);
  t.strictSame([tail.status, tail.stdout.trimEnd().split('\n').length], [0, 3]);
});
