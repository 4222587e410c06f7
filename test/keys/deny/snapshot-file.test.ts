import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { watchFiles } from '../../../lib/config/index.ts';
import { DenySet } from '../../../lib/keys/deny/deny-set.ts';
import { readSnapshot, SnapshotFile } from '../../../lib/keys/deny/snapshot-file.ts';
import { Changes, within } from '../../deadline/index.ts';
import { folderOf, TestHouse } from './house.ts';

const FOREVER = { reason: 'x', untilMs: null, issuedBeforeMs: null };

function lab(t: Test, path = join(folderOf(t), 'data/deny.snapshot')) {
  const house = new TestHouse();
  const set = new DenySet(house.clock);
  const file = new SnapshotFile({ path, set, clock: house.clock, warn: house.warn.bind(house) });
  t.teardown(() => file.close());
  const deny = (id: string) => set.put(set.local, set.named('key', id), FOREVER, 0);
  return { house, set, file, path, deny };
}

async function idsIn(path: string): Promise<string[]> {
  const snapshot = await readSnapshot(path);
  if (snapshot === null || typeof snapshot === 'string') throw new Error(`${path}: ${snapshot}`);
  const reader = snapshot.read();
  const ids: string[] = [];
  while (reader.next()) ids.push(reader.id);
  return ids.sort();
}

t.test('what was saved is on disk, readable by its owner alone, and nothing is left beside it', async t => {
  const { file, path, deny } = lab(t);
  deny('a');
  t.equal(await file.save(), null);
  t.strictSame(await idsIn(path), ['a']);
  t.equal(statSync(path).mode & 0o777, 0o600);
  deny('b');
  t.equal(await file.save(), null);
  t.strictSame(await idsIn(path), ['a', 'b']);
  t.strictSame(readdirSync(join(path, '..')), ['deny.snapshot']);
});

t.test('a change while a write is under way is in the next, which the second waits for', async t => {
  const { file, path, deny } = lab(t);
  deny('a');
  const first = file.save();
  deny('b');
  const second = file.save();
  deny('c');
  const third = file.save();
  t.strictSame(await Promise.all([first, second, third]), [null, null, null]);
  t.strictSame(await idsIn(path), ['a', 'b', 'c']);
});

t.test('a change is written soon, without being waited for', async t => {
  const { set, file, path, deny } = lab(t);
  deny('a');
  set.changed();
  set.changed();
  const changes = new Changes();
  const watcher = watchFiles([path], () => changes.notify(), { debounceMs: 1, pollMs: 50 });
  t.teardown(() => watcher.close());
  await changes.until(() => existsSync(path), 'the file');
  t.strictSame(await idsIn(path), ['a']);
  await file.close();
});

t.test('what was not written yet is written at the close, unless it is given up', async t => {
  const { set, file, path, deny } = lab(t);
  deny('a');
  set.changed();
  await file.close();
  t.strictSame(await idsIn(path), ['a']);
  const other = lab(t, join(path, '../other.snapshot'));
  other.deny('a');
  other.set.changed();
  await other.file.close(true);
  t.notOk(existsSync(other.path));
  const written = statSync(path).mtimeMs;
  await file.close();
  t.equal(
    statSync(path).mtimeMs,
    written,
    'what has not changed is left alone: another process may have the file by now',
  );
});

t.test('where it cannot be written that is told once, and again when it can', async t => {
  const folder = folderOf(t);
  const { house, file, path, deny } = lab(t, join(folder, 'blocked/deny.snapshot'));
  writeFileSync(join(folder, 'blocked'), 'a file where a folder should be');
  deny('a');
  t.match(await file.save(), /EEXIST|ENOTDIR/);
  t.match(await file.save(), /EEXIST|ENOTDIR/);
  t.match(file.problem, /EEXIST|ENOTDIR/);
  t.strictSame(house.codes(), ['deny_snapshot_failing']);
  rmSync(join(folder, 'blocked'));
  t.equal(await file.save(), null);
  t.equal(file.problem, null);
  t.strictSame(house.codes(), ['deny_snapshot_failing', 'deny_snapshot_recovered']);
  t.strictSame(await idsIn(path), ['a']);
});

t.test('a write that fails leaves the file before it whole', async t => {
  const { file, path, deny } = lab(t);
  deny('a');
  t.equal(await file.save(), null);
  const draft = `${path}.${process.pid}.tmp`;
  mkdirSync(draft);
  deny('b');
  t.match(await file.save(), /EISDIR/);
  t.strictSame(await idsIn(path), ['a']);
  rmSync(draft, { recursive: true });
  t.equal(await file.save(), null);
  t.strictSame(await idsIn(path), ['a', 'b']);
});

t.test('what a killed process left half written is removed, that of a living one is not', async t => {
  const folder = folderOf(t);
  const { pid: dead } = spawnSync(process.execPath, ['-e', '']);
  const { pid: alive } = process;
  writeFileSync(join(folder, `deny.snapshot.${dead}.tmp`), 'half');
  writeFileSync(join(folder, `deny.snapshot.${alive}.tmp`), 'half');
  writeFileSync(join(folder, 'other.1.tmp'), 'not ours');
  lab(t, join(folder, 'deny.snapshot'));
  t.strictSame(readdirSync(folder).sort(), [`deny.snapshot.${alive}.tmp`, 'other.1.tmp']);
});

t.test('no file is null; one that cannot be read says why', async t => {
  const folder = folderOf(t, { 'deny.snapshot': 'nonsense', empty: '' });
  t.equal(await readSnapshot(join(folder, 'nothing')), null);
  t.type(await readSnapshot(join(folder, 'deny.snapshot')), 'string');
  t.equal(await readSnapshot(join(folder, 'empty')), 'is empty');
  t.equal(await readSnapshot(folder), 'cannot be read (EISDIR)');
  if (process.getuid?.() === 0) return;
  chmodSync(join(folder, 'empty'), 0);
  t.equal(await readSnapshot(join(folder, 'empty')), 'cannot be read (EACCES)');
});

t.test('kill -9 in the middle of writing: the file is whole, and has all that was acknowledged', async t => {
  const path = join(folderOf(t), 'deny.snapshot');
  const script = fileURLToPath(new URL('./snapshot-writer.ts', import.meta.url));
  let acknowledged = 0;
  for (let round = 0; round < 12; round++) {
    const child: ChildProcess = spawn(process.execPath, [script, path, String(acknowledged)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    // After another number of acknowledged writes each time, and somewhere in the next one.
    const until = acknowledged + 1 + (round % 4);
    for await (const line of createInterface({ input: child.stdout! })) {
      acknowledged = Number(line);
      if (acknowledged >= until) break;
    }
    for (let spin = 0; spin < round * 40_000; spin++) Math.random();
    child.kill('SIGKILL');
    await within(exited, 'the child to die');
    const ids = await idsIn(path);
    for (let i = 1; i <= acknowledged; i++)
      if (!ids.includes(`acknowledged ${i}`)) t.fail(`round ${round}: ${i} of ${acknowledged} is missing`);
    t.ok(ids.length >= 20_000 + acknowledged, `round ${round}: ${acknowledged} acknowledged`);
    acknowledged = ids.length - 20_000;
  }
  t.ok(readFileSync(path).length > 0);
});
