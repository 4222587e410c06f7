import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type WatchOptions, watchFiles } from '../../lib/config/index.ts';

const QUICK: WatchOptions = { debounceMs: 30, pollMs: 50 };
/** Polls so rarely that only events can be what is seen. */
const EVENTS_ONLY: WatchOptions = { debounceMs: 30, pollMs: 3_600_000 };

/** A watcher that counts, and promises of its next call. Keeps the process alive while one is awaited. */
function watching(t: Test, files: readonly string[], options: WatchOptions) {
  let calls = 0;
  let wake = () => {};
  const watcher = watchFiles(
    files,
    () => {
      calls++;
      wake();
    },
    options,
  );
  t.teardown(() => watcher.close());
  const next = async (count: number) => {
    const alive = setInterval(() => {}, 1000);
    while (calls < count) {
      await new Promise<void>(resolve => {
        wake = resolve;
      });
    }
    clearInterval(alive);
  };
  return { watcher, next, calls: () => calls };
}

for (const [name, options] of [
  ['events', EVENTS_ONLY],
  ['polling and events', QUICK],
] as const) {
  t.test(`changes of every kind are seen (${name})`, async t => {
    const dir = t.testdir({ 'weir.yaml': 'a: 1\n', 'key.txt': 'k' });
    const file = join(dir, 'weir.yaml');
    const key = join(dir, 'key.txt');
    const { next, calls } = watching(t, [file, key, join(dir, 'later.txt')], options);

    writeFileSync(file, 'a: 22\n');
    await next(1);
    writeFileSync(join(dir, 'weir.yaml.tmp'), 'a: 333\n');
    renameSync(join(dir, 'weir.yaml.tmp'), file);
    await next(2);
    writeFileSync(file, 'a: 4444\n');
    await next(3);
    writeFileSync(key, 'other');
    await next(4);
    writeFileSync(join(dir, 'later.txt'), 'now');
    await next(5);
    unlinkSync(key);
    await next(6);
    t.equal(calls(), 6);
  });
}

t.test(
  'a mounted volume that swaps a symbolic link is seen',
  { skip: process.platform === 'win32' },
  async t => {
    const dir = t.testdir({ v1: { 'weir.yaml': 'a: 1\n' }, v2: { 'weir.yaml': 'a: 2\n' } });
    symlinkSync('v1', join(dir, '..data'));
    symlinkSync('..data/weir.yaml', join(dir, 'weir.yaml'));
    const { next, calls } = watching(t, [join(dir, 'weir.yaml')], EVENTS_ONLY);

    symlinkSync('v2', join(dir, '..tmp'));
    renameSync(join(dir, '..tmp'), join(dir, '..data'));
    await next(1);
    writeFileSync(join(dir, 'v2/weir.yaml'), 'a: 222\n');
    await next(2);
    t.equal(calls(), 2);
  },
);

t.test('a link into another folder is followed', { skip: process.platform === 'win32' }, async t => {
  const dir = t.testdir({ etc: {}, srv: { 'weir.yaml': 'a: 1\n' } });
  symlinkSync(join(dir, 'srv/weir.yaml'), join(dir, 'etc/weir.yaml'));
  const { next, calls } = watching(t, [join(dir, 'etc/weir.yaml')], EVENTS_ONLY);
  writeFileSync(join(dir, 'srv/weir.yaml'), 'a: 22\n');
  await next(1);
  t.equal(calls(), 1);
});

t.test('a folder that goes away and comes back is watched again', async t => {
  const dir = t.testdir({ etc: { 'weir.yaml': 'a: 1\n' } });
  const file = join(dir, 'etc/weir.yaml');
  const { next, calls } = watching(t, [file], QUICK);
  rmSync(join(dir, 'etc'), { recursive: true });
  await next(1);
  mkdirSync(join(dir, 'etc'));
  writeFileSync(file, 'a: 22\n');
  await next(2);
  writeFileSync(file, 'a: 333\n');
  await next(3);
  t.equal(calls(), 3);
});

t.test('a burst is one change', async t => {
  const dir = t.testdir({ 'weir.yaml': '' });
  const file = join(dir, 'weir.yaml');
  const { next, calls } = watching(t, [file], { debounceMs: 150, pollMs: 20 });
  for (let size = 1; size <= 20; size++) {
    writeFileSync(file, 'x'.repeat(size));
    await new Promise(resolve => setImmediate(resolve));
  }
  await next(1);
  writeFileSync(file, 'done');
  await next(2);
  t.equal(calls(), 2);
});

t.test('other files of the folder, and a change that is undone, are none', async t => {
  const dir = t.testdir({ 'weir.yaml': 'a: 1\n' });
  const file = join(dir, 'weir.yaml');
  const { next, calls } = watching(t, [file], EVENTS_ONLY);
  writeFileSync(join(dir, 'neighbour.txt'), 'x');
  renameSync(file, join(dir, 'away'));
  renameSync(join(dir, 'away'), file);
  writeFileSync(file, 'a: 22\n');
  await next(1);
  t.equal(calls(), 1);
});

t.test('after close nothing is told', async t => {
  const dir = t.testdir({ 'weir.yaml': 'a: 1\n' });
  const file = join(dir, 'weir.yaml');
  const closed = watching(t, [file], QUICK);
  const open = watching(t, [file], QUICK);
  closed.watcher.close();
  closed.watcher.close();
  writeFileSync(file, 'a: 22\n');
  await open.next(1);
  writeFileSync(file, 'a: 333\n');
  await open.next(2);
  t.equal(closed.calls(), 0);
});

t.test('close inside the callback ends it', async t => {
  const dir = t.testdir({ 'weir.yaml': 'a: 1\n' });
  const file = join(dir, 'weir.yaml');
  const first = watching(t, [file], QUICK);
  const { promise, resolve } = Promise.withResolvers<void>();
  const watcher = watchFiles(
    [file],
    () => {
      watcher.close();
      resolve();
    },
    QUICK,
  );
  writeFileSync(file, 'a: 22\n');
  await first.next(1);
  const alive = setInterval(() => {}, 1000);
  await promise;
  clearInterval(alive);
  t.pass('closed');
});
