import { existsSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import { Journal } from '../../lib/usage/journal.ts';
import {
  JournalRetention,
  type RetentionOptions,
  startRetention,
} from '../../lib/usage/journal-retention.ts';
import type { OpenRecord } from '../../lib/usage/open-record.ts';

const NOW_MS = Date.UTC(2026, 10, 21);
const DAY_MS = 86_400_000;
const OWN = '00000000000000aa';
const OTHER = '00000000000000bb';

/** A segment's name. */
const seg = (number: number, boot = OTHER): string => `box-${boot}-0-${number}.ndjson`;

interface Scene {
  readonly folder: string;
  readonly read: Map<string, number>;
  readonly forgotten: string[];
  /** Makes a segment of 1000 bytes that was written so many days ago. */
  add(file: string, daysOld: number, isRead?: boolean): void;
  retention(options: Partial<RetentionOptions>): JournalRetention;
  /** The segments that are there. */
  left(): readonly string[];
}

function scene(t: Test, folder = join(t.testdir(), 'journal')): Scene {
  mkdirSync(folder);
  const read = new Map<string, number>();
  const forgotten: string[] = [];
  return {
    folder,
    read,
    forgotten,
    add: (file, daysOld, isRead = true) => {
      writeFileSync(join(folder, file), 'x'.repeat(1000));
      const at = (NOW_MS - daysOld * DAY_MS) / 1000;
      utimesSync(join(folder, file), at, at);
      if (isRead) read.set(file, 1000);
    },
    retention: options =>
      new JournalRetention({
        folder,
        origin: `box:${OWN}`,
        firstNeeded: () => 0,
        readers: [
          {
            cursors: async () => ({ ok: true, value: read }),
            forget: async segments => {
              forgotten.push(...segments);
            },
          },
        ],
        keepMs: null,
        keepBytes: null,
        clock: { wallMs: () => NOW_MS, monotonicMs: () => 0 },
        ...options,
      }),
    left: () =>
      readdirSync(folder)
        .filter(file => file.endsWith('.ndjson'))
        .sort(),
  };
}

t.test('what is old and read by everybody goes, and is forgotten', async t => {
  const s = scene(t);
  s.add(seg(0), 9);
  s.add(seg(1), 8);
  s.add(seg(2), 6);
  await s.retention({ keepMs: 7 * DAY_MS }).pass();
  t.strictSame(s.left(), [seg(2)]);
  t.strictSame(s.forgotten, [seg(0), seg(1)]);
});

t.test('what somebody has not read to its end stays, and all that came after it in its run', async t => {
  const s = scene(t);
  s.add(seg(0), 9);
  s.add(seg(1), 9);
  s.add(seg(2), 9);
  s.read.set(seg(1), 999);
  const retention = s.retention({ keepMs: DAY_MS, keepBytes: 0 });
  await retention.pass();
  t.strictSame(s.left(), [seg(1), seg(2)]);
  s.read.set(seg(1), 1000);
  const behind = {
    cursors: async () => ({ ok: true as const, value: new Map([[seg(1), 10]]) }),
    forget: async () => {},
  };
  await s.retention({ keepMs: DAY_MS, readers: [behind] }).pass();
  t.strictSame(s.left(), [seg(1), seg(2)], 'a second reader counts as much');
  const unknown = { cursors: async () => ({ ok: false as const, problem: 'away' }), forget: async () => {} };
  await s.retention({ keepMs: DAY_MS, readers: [unknown] }).pass();
  t.strictSame(s.left(), [seg(1), seg(2)], 'and one that cannot be asked');
  await retention.pass();
  t.strictSame(s.left(), []);
});

t.test('for room the oldest go, of whatever run, until the rest fits', async t => {
  const s = scene(t);
  s.add(seg(0), 5);
  s.add(seg(1), 2);
  s.add(seg(0, 'cc'), 4);
  s.add(seg(1, 'cc'), 3);
  const retention = s.retention({ keepBytes: 2500 });
  await retention.pass();
  t.strictSame(s.left(), [seg(1), seg(1, 'cc')]);
  const value = (name: string): number =>
    retention.metrics.find(metric => metric.name === name)!.read()[0]!.value;
  t.equal(value('weir_journal_bytes'), 2000);
  t.equal(value('weir_journal_removed_segments_total'), 2);
  await retention.pass();
  t.equal(s.left().length, 2, 'what fits stays');
});

t.test('a run that goes on elsewhere, or was not looked through, is left alone', async t => {
  const s = scene(t);
  s.add(seg(0), 9);
  writeFileSync(join(s.folder, `box-${OTHER}-0.open`), '');
  const retention = s.retention({ keepMs: DAY_MS });
  await retention.pass();
  t.strictSame(s.left(), [seg(0)]);
  rmSync(join(s.folder, `box-${OTHER}-0.open`));
  await retention.pass();
  t.strictSame(s.left(), []);
});

t.test('of its own run only what no recovery would need goes', async t => {
  const s = scene(t);
  for (let number = 0; number < 4; number++) s.add(seg(number, OWN), 9);
  writeFileSync(join(s.folder, `box-${OWN}-0.open`), '');
  writeFileSync(join(s.folder, `box-${OWN}-1.open`), '');
  let firstNeeded = 2;
  const retention = s.retention({ keepMs: DAY_MS, firstNeeded: () => firstNeeded });
  await retention.pass();
  t.equal(s.left().length, 4, 'a journal that a reload replaced has not ended');
  rmSync(join(s.folder, `box-${OWN}-0.open`));
  await retention.pass();
  t.strictSame(s.left(), [seg(2, OWN), seg(3, OWN)]);
  firstNeeded = 3;
  await retention.pass();
  t.strictSame(s.left(), [seg(3, OWN)]);
});

t.test('a journal knows the first segment with an exchange that has no fact', async t => {
  const folder = join(t.testdir(), 'journal');
  const options = { folder, instance: 'box', boot: OWN, worker: 0, fsync: 'none', holdMs: 1000 } as const;
  const journal = new Journal({ ...options, onFull: 'refuse', warn: () => {} });
  const id = (seq: number): string => `box:${OWN}:${seq}`;
  const taken = (fact: object): Promise<boolean> =>
    new Promise(resolve => journal.take({ path: '', ...fact } as Fact, resolve));
  const big = 'x'.repeat(33 * 1024 * 1024);
  t.equal(journal.firstNeeded, 0);
  journal.open({ id: id(1) } as OpenRecord);
  for (let seq = 2; seq < 8; seq++) await taken({ id: id(seq), path: big });
  t.ok(existsSync(join(folder, seg(2, OWN))), 'it has gone on to further segments');
  t.equal(journal.firstNeeded, 0, 'an exchange that runs holds its beginning');
  await taken({ id: id(1) });
  t.ok(journal.firstNeeded >= 2);
  await journal.close();
});

t.test('whoever was replaced removes nothing more', async t => {
  const parent = t.testdir();
  const [left, goesOn] = [scene(t, join(parent, 'left')), scene(t, join(parent, 'goes-on'))];
  const started = [left, goesOn].map(({ folder }) =>
    startRetention(
      {
        folder,
        origin: `box:${OWN}`,
        firstNeeded: () => 0,
        readers: [],
        keepMs: DAY_MS,
        keepBytes: null,
        clock: { wallMs: () => NOW_MS, monotonicMs: () => 0 },
      },
      2,
    ),
  );
  const gone = async (s: Scene): Promise<void> => {
    while (s.left().length > 0) await new Promise(resolve => setTimeout(resolve, 2));
  };
  left.add(seg(0), 9);
  await gone(left);
  started[0]!.retire!(true);
  // What it may have begun by then looks at nothing that comes after this.
  goesOn.add(seg(0), 9);
  await gone(goesOn);
  for (let number = 0; number < 3; number++) {
    left.add(seg(number), 9);
    goesOn.add(seg(number), 9);
    await gone(goesOn);
  }
  t.equal(left.left().length, 3);
  await Promise.all(started.map(part => part.close!()));
});
