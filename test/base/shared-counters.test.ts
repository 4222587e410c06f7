import fc from 'fast-check';
import t from 'tap';
import { NO_ROOM, SharedCounters, SketchSeed } from '../../lib/base/index.ts';

const seed = SketchSeed.random();
const key = (name: string) => seed.keyOf('test', name);

t.test('counts exactly, and names that count nothing make room for others', async t => {
  const steps = fc.array(
    fc.record({ name: fc.integer({ min: 0, max: 60 }).map(String), isBegin: fc.boolean() }),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 4 }), (list, limit) => {
      const counters = new SharedCounters({ entries: 16, columns: 1 }, 0);
      const held = new Map<string, number[]>();
      for (const { name, isBegin } of list) {
        const mine = held.get(name) ?? [];
        if (isBegin) {
          const entry = counters.acquire(key(name), limit);
          const hasRoom = held.size < 16 || held.has(name);
          t.equal(entry !== NO_ROOM, mine.length < limit && hasRoom);
          if (entry !== NO_ROOM) held.set(name, [...mine, entry]);
        } else if (mine.length > 0) {
          counters.release(mine.pop()!);
          if (mine.length === 0) held.delete(name);
        }
        t.equal(counters.count(key(name)), held.get(name)?.length ?? 0);
      }
      t.equal(counters.total(), [...held.values()].flat().length);
    }),
  );
});

t.test('columns are counted together, and cleared one by one', async t => {
  const shape = { entries: 1024, columns: 3 };
  const first = new SharedCounters(shape, 0);
  const second = new SharedCounters(shape, 1, first.buffer);
  const third = new SharedCounters(shape, 2, first.buffer);
  t.not(first.acquire(key('a'), 2), NO_ROOM);
  const entry = second.acquire(key('a'), 2);
  t.equal(third.acquire(key('a'), 2), NO_ROOM);
  second.release(entry);
  t.not(third.acquire(key('a'), 2), NO_ROOM);
  first.clearColumn(0);
  t.equal(first.count(key('a')), 1);
  first.clearColumn(2);
  t.equal(first.total(), 0);
});

t.test('a bucket that a dead thread has locked refuses newcomers until its column is cleared', async t => {
  const shape = { entries: 16, columns: 2 };
  const counters = new SharedCounters(shape, 0);
  t.not(counters.acquire(key('known'), 5), NO_ROOM);
  new Int32Array(counters.buffer)[0] = 2;
  t.equal(counters.acquire(key('new'), 5), NO_ROOM);
  t.not(counters.acquire(key('known'), 5), NO_ROOM, 'names that are there need no lock');
  counters.clearColumn(1);
  t.not(counters.acquire(key('new'), 5), NO_ROOM);
});
