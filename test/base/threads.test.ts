import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import t from 'tap';
import { NO_ROOM, SharedCounters, SketchSeed, SlotClock, WindowSketch } from '../../lib/base/index.ts';
import { within } from '../deadline/index.ts';
import type { Admitted, Orders } from './counting-thread.ts';

const THREADS = 4;

function begin(orders: Orders): Worker {
  return new Worker(new URL('./counting-thread.ts', import.meta.url), { workerData: orders });
}

async function answer<T>(worker: Worker): Promise<T> {
  const failed = once(worker, 'error').then(([error]) => {
    throw error;
  });
  const [message] = (await within(Promise.race([once(worker, 'message'), failed]), 'a thread')) as [T];
  return message;
}

for (const shape of [
  { width: 1024, depth: 2, merged: false },
  { width: 1024, depth: 2, merged: true },
]) {
  t.test(`threads that count in one ${shape.merged ? 'merged ' : ''}sketch never exceed a limit`, async t => {
    const limit = 20;
    const names = 8;
    const windowMs = 1200;
    const now = new SharedArrayBuffer(4);
    const nowMs = () => Atomics.load(new Int32Array(now), 0);
    const time = new SlotClock({ wallMs: nowMs, monotonicMs: nowMs }, windowMs);
    const sketch = new WindowSketch(time, shape);
    const seed = SketchSeed.random();
    const workers = Array.from({ length: THREADS }, () =>
      begin({
        kind: 'window',
        seed: seed.reveal(),
        windowMs,
        now,
        state: time.state,
        shape,
        buffer: sketch.buffer,
        names,
        limit,
        rounds: 60_000,
      }),
    );
    // Time goes on while they count, and the one that publishes moves cells below their hands.
    const ticks = setInterval(() => {
      Atomics.add(new Int32Array(now), 0, 5);
      if (shape.merged) sketch.drain(Number.POSITIVE_INFINITY);
    }, 1);
    const results = await Promise.all(workers.map(worker => answer<Admitted>(worker)));
    clearInterval(ticks);
    for (let name = 0; name < names; name++) {
      const slots = results.flatMap(admitted => admitted[name]!).sort((a, b) => a - b);
      t.ok(slots.length > 0, `${slots.length} admitted in ${time.slot() + 1} slots`);
      const most = Math.max(...slots.map((slot, i) => slots.slice(i).filter(s => s <= slot + 12).length));
      t.ok(most <= limit, `at most ${most} in a window`);
      const left = slots.filter(slot => slot >= time.slot() - 12).length;
      t.ok(sketch.estimate(seed.keyOf('thread', String(name))) >= left);
    }
    Atomics.add(new Int32Array(now), 0, 2 * windowMs);
    t.equal(sketch.total(), 0);
  });
}

t.test('threads that share counters are never more than the limit at a time, and leave nothing', async t => {
  // One bucket, and more names than it has entries: they are given away all the time.
  const shape = { entries: 16, columns: THREADS };
  const names = 24;
  const limit = 1;
  const held = new SharedArrayBuffer(names * 4);
  const counters = new SharedCounters(shape, 0);
  const results = await Promise.all(
    Array.from({ length: THREADS }, (_, column) =>
      answer<number>(
        begin({
          kind: 'counters',
          shape,
          buffer: counters.buffer,
          column,
          held,
          names,
          limit,
          rounds: 150_000,
        }),
      ),
    ),
  );
  t.ok(Math.max(...results) <= limit, `${Math.max(...results)} at a time`);
  t.equal(counters.total(), 0);
});

t.test('what a thread held is taken back when it dies', async t => {
  const shape = { entries: 64, columns: 2 };
  const counters = new SharedCounters(shape, 0);
  const key = new SketchSeed(new Uint8Array(32)).keyOf('thread', 'held');
  const worker = begin({ kind: 'hold', shape, buffer: counters.buffer, column: 1 });
  await answer(worker);
  const own = counters.acquire(key, 100);
  t.equal(counters.count(key), 6);
  t.equal(counters.acquire(key, 6), NO_ROOM);
  await worker.terminate();
  counters.clearColumn(1);
  t.equal(counters.count(key), 1, 'ours stays');
  counters.release(own);
  t.equal(counters.total(), 0);
});
