import { appendFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Fact, Warning } from '../../lib/pipeline/index.ts';
import { type Ledger, openLedger } from '../../lib/store/index.ts';
import { journalLine, sealedLine } from '../../lib/usage/journal-line.ts';
import { Shipper } from '../../lib/usage/ship.ts';
import { DirectShipper } from '../../lib/usage/ship-direct.ts';
import { Changes, within } from '../deadline/index.ts';
import { factOf, factText, factTexts } from '../store/fact-text.ts';
import { must } from '../store/must.ts';

const SEGMENT = 'box-00000000000000aa-0-0.ndjson';
/** Says that the journal is being written. */
const CLAIM = 'box-00000000000000aa-0.open';

interface Scene {
  readonly folder: string;
  readonly store: string;
  readonly warnings: Warning[];
  readonly changes: Changes;
  readonly ledger: Ledger;
  readonly shipper: Shipper;
  write(lines: string, segment?: string): void;
  stored(): Promise<readonly string[]>;
  metric(name: string): Readonly<Record<string, number>>;
}

function scene(t: Test, journal = join(t.testdir(), 'journal')): Scene {
  mkdirSync(journal, { recursive: true });
  const store = join(journal, '..', 'data', 'weir.db');
  const warnings: Warning[] = [];
  const changes = new Changes();
  const ledger = openLedger(`sqlite:${store}`, { busyMs: 200 });
  const warn = (warning: Warning): void => {
    warnings.push(warning);
    changes.notify();
  };
  const shipper = new Shipper({ folder: journal, ledger, warn, idleMs: 2 });
  t.teardown(() => ledger.close());
  return {
    folder: journal,
    store,
    warnings,
    changes,
    ledger,
    shipper,
    write: (lines, segment = SEGMENT) => appendFileSync(join(journal, segment), lines),
    stored: async () => (await must(ledger.facts({ limit: 10_000 }))).facts,
    metric: name => {
      const samples = shipper.metrics.find(metric => metric.name === name)!.read();
      return Object.fromEntries(samples.map(({ labels, value }) => [labels.result ?? '', value]));
    },
  };
}

function lines(first: number, last: number, members: Partial<Fact> = {}): string {
  let text = '';
  for (let seq = first; seq <= last; seq++) text += journalLine(factOf(seq, members));
  return text;
}

t.test('facts reach the store as they were, open lines stay behind', async t => {
  const s = scene(t);
  const odd = { tags: { 'a"b\\': 'ü\n', outcome: 'x' } };
  const open = sealedLine(`{"v":1,"open":true,"id":"box:00000000000000aa:9","tags":{"outcome":"complete"}}`);
  s.write(lines(1, 2) + open + lines(3, 3, odd));
  t.equal(await s.shipper.pass(), true);
  t.strictSame(await s.stored(), [...factTexts(1, 2), factText(3, odd)]);
  t.strictSame(s.metric('weir_store_facts_total'), { added: 3, duplicates: 0, conflicts: 0, invalid: 0 });
  t.strictSame(s.metric('weir_store_backlog_bytes'), { '': 0 });
  t.strictSame(s.warnings, []);
});

t.test('it goes on where it stopped, in this process and in the next', async t => {
  const first = scene(t);
  first.write(lines(1, 2500));
  await first.shipper.pass();
  first.write(lines(2501, 2503));
  await first.shipper.pass();
  t.equal(first.metric('weir_store_facts_total').added, 2503);
  await first.ledger.close();
  first.write(lines(1, 1), 'box-00000000000000bb-0-0.ndjson');
  first.write(lines(2504, 2504));
  const second = scene(t, first.folder);
  await second.shipper.pass();
  t.strictSame(
    second.metric('weir_store_facts_total'),
    { added: 1, duplicates: 1, conflicts: 0, invalid: 0 },
    'only what was new is read; what is met again is there once',
  );
  t.equal((await must(second.ledger.check())).facts, 2504);
});

t.test('an end that is not whole waits for its rest', async t => {
  const s = scene(t);
  const [one, two] = [lines(1, 1), lines(2, 2)];
  s.write('', CLAIM);
  s.write(one + two.slice(0, 100));
  await s.shipper.pass();
  t.strictSame(await s.stored(), [factText(1)]);
  s.write(two.slice(100));
  await s.shipper.pass();
  t.strictSame(await s.stored(), factTexts(1, 2));
  t.strictSame(s.metric('weir_journal_broken_lines_total'), { '': 0 });
});

t.test('an end that nobody will complete is passed over, once', async t => {
  const s = scene(t);
  s.write(lines(1, 1) + lines(2, 2).slice(0, 100));
  await s.shipper.pass();
  t.strictSame(await s.stored(), [factText(1)]);
  t.strictSame(s.metric('weir_store_backlog_bytes'), { '': 0 });
  t.strictSame(s.metric('weir_store_lag_seconds'), { '': 0 });
});

t.test('broken lines are counted and passed over', async t => {
  const s = scene(t);
  s.write(`${lines(1, 1)}{"v":1,"id":"torn\n${lines(2, 2).replace('"alice"', '"mallory"')}${lines(3, 3)}`);
  await s.shipper.pass();
  t.strictSame(await s.stored(), [factText(1), factText(3)]);
  t.strictSame(s.metric('weir_journal_broken_lines_total'), { '': 2 });
});

t.test('a conflict is told, kept aside, and stops nothing', async t => {
  const s = scene(t);
  s.write(lines(1, 1) + lines(1, 1, { subject: 'mallory' }) + lines(2, 2));
  await s.shipper.pass();
  t.strictSame(await s.stored(), factTexts(1, 2));
  t.strictSame(
    s.warnings.map(({ code }) => code),
    ['store_conflict'],
  );
  t.equal((await must(s.ledger.aside(10))).length, 1);
});

t.test('a store that is away is said once, and has everything when it is back', async t => {
  const s = scene(t);
  // Its folder cannot be made: a file is in the way.
  writeFileSync(join(s.store, '..'), '');
  s.write(lines(1, 3));
  s.shipper.start();
  await s.changes.until(() => s.warnings.length === 1, 'the first failure');
  t.equal(s.warnings[0]!.code, 'store_failing');
  t.ok(s.metric('weir_store_lag_seconds')['']! > 0);
  t.strictSame(
    s.shipper.degraded().map(({ code, refuses }) => [code, refuses]),
    [['store_failing', false]],
  );
  rmSync(join(s.store, '..'));
  await s.changes.until(() => s.warnings.some(({ code }) => code === 'store_recovered'), 'recovery');
  t.strictSame(s.shipper.degraded(), []);
  s.write(lines(4, 5));
  await within(s.shipper.close(), 'the last look');
  t.strictSame(await s.stored(), factTexts(1, 5));
  t.equal(s.warnings.length, 2);
});

t.test('a store that was lost is filled again from the journal', async t => {
  const s = scene(t);
  s.write(lines(1, 3));
  await s.shipper.pass();
  for (const end of ['', '-wal', '-shm']) rmSync(s.store + end);
  s.write(lines(4, 4));
  t.equal(await s.shipper.pass(), false);
  t.equal(await s.shipper.pass(), true);
  t.strictSame(await s.stored(), factTexts(1, 4));
});

t.test('a segment that came back shorter is read from its beginning', async t => {
  const s = scene(t);
  s.write(lines(1, 5));
  await s.shipper.pass();
  writeFileSync(join(s.folder, SEGMENT), lines(6, 7));
  await s.shipper.pass();
  t.strictSame(await s.stored(), factTexts(1, 7));
});

t.test('without a journal facts go to the store by themselves', async t => {
  const s = scene(t);
  const direct = new DirectShipper({ ledger: s.ledger, warn: () => {} });
  for (let seq = 1; seq <= 2100; seq++) t.equal(direct.take(factOf(seq)), false, 'no end waits for it');
  await within(direct.close(), 'what waits');
  t.equal((await s.stored()).length, 2100);
  direct.take(factOf(2101));
  t.equal(direct.dropped, 1, 'after the end');
});

t.test('without a journal facts wait for a store that is away, in bounded memory', async t => {
  const s = scene(t);
  writeFileSync(join(s.store, '..'), '');
  const direct = new DirectShipper({
    ledger: s.ledger,
    warn: warning => {
      s.warnings.push(warning);
      s.changes.notify();
    },
  });
  direct.take(factOf(1));
  await s.changes.until(() => s.warnings.length === 1, 'the first failure');
  t.strictSame(
    direct.degraded().map(({ code }) => code),
    ['store_failing'],
  );
  const big = { path: `/${'x'.repeat(16 * 1024 * 1024)}` };
  for (let seq = 2; seq <= 7; seq++) direct.take(factOf(seq, big));
  t.ok(direct.dropping);
  t.ok(direct.dropped >= 1 && direct.dropped <= 3, `${direct.dropped} of 6 dropped`);
  const kept = 7 - direct.dropped;
  rmSync(join(s.store, '..'));
  await s.changes.until(() => s.warnings.some(({ code }) => code === 'store_recovered'), 'recovery');
  await within(direct.close(), 'what waits');
  t.equal((await must(s.ledger.check())).facts, kept);
  t.equal(direct.dropping, false);
});
