import fc from 'fast-check';
import t from 'tap';
import { type KvEntry, OVERSIZED } from '../../lib/bus/index.ts';
import { KeyTally } from '../../lib/bus/key-tally.ts';
import { PackedEntries } from '../../lib/bus/packed-entries.ts';

const key = fc.oneof(
  fc.constantFrom('a', 'b', 'key.YQ', 'subject.YQ'),
  fc.string({ minLength: 1, maxLength: 40 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
);
const value = fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null });

t.test('packed entries are a map of the last write of each key', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { maxLength: 300 }), writes => {
      const packed = new PackedEntries(new KeyTally(0));
      const model = new Map<string, KvEntry>();
      writes.forEach(([key, value], i) => {
        const wellFormed = key.toWellFormed();
        packed.set(wellFormed, value, i + 1);
        if (value === null) model.delete(wellFormed);
        else model.set(wellFormed, { key: wellFormed, value, revision: i + 1 });
      });
      const sorted = (entries: Iterable<readonly [string, KvEntry]>): unknown[] =>
        [...entries]
          .map(([key, entry]) => [key, entry.key, Buffer.from(entry.value!).toString('hex'), entry.revision])
          .sort();
      const isSame = JSON.stringify(sorted(packed)) === JSON.stringify(sorted(model));
      const visited: [string, KvEntry][] = [];
      packed.forEach((entry, key) => {
        visited.push([key, entry]);
      });
      return (
        isSame &&
        packed.size === model.size &&
        JSON.stringify(sorted(visited)) === JSON.stringify(sorted(model)) &&
        [...packed.keys()].sort().join() === [...model.keys()].sort().join() &&
        writes.every(([key]) => packed.has(key) === model.has(key)) &&
        writes.every(([key]) => packed.get(key)?.revision === model.get(key)?.revision)
      );
    }),
  );
});

t.test('values larger than a chunk, and many of them', async t => {
  const packed = new PackedEntries(new KeyTally(0));
  const big = Buffer.alloc(3 * 2 ** 20, 'b');
  packed.set('small', Buffer.from('s'), 1);
  packed.set('big', big, 2);
  packed.set('after', Buffer.from('a'), 3);
  for (let i = 0; i < 50; i++) packed.set(`k${i}`, Buffer.alloc(100_000, i), 4 + i);
  t.ok(big.equals(packed.get('big')!.value!));
  t.equal(Buffer.from(packed.get('small')!.value!).toString(), 's');
  t.equal(Buffer.from(packed.get('after')!.value!).toString(), 'a');
  for (let i = 0; i < 50; i++) t.ok(Buffer.alloc(100_000, i).equals(packed.get(`k${i}`)!.value!));
  t.equal(packed.get('nothing'), undefined);
});

t.test('values that are too long take no room', async t => {
  const before = process.memoryUsage().arrayBuffers;
  const packed = new PackedEntries(new KeyTally(0));
  for (let i = 0; i < 10_000; i++) packed.set(`key.${i}`, OVERSIZED, i + 1);
  packed.set('key.after', Buffer.from('a'), 10_001);
  t.ok(process.memoryUsage().arrayBuffers - before < 2 ** 22);
  t.equal(packed.size, 10_001);
  t.equal(packed.get('key.7')!.value, OVERSIZED);
  t.equal(packed.get('key.7')!.revision, 8);
  t.equal(Buffer.from(packed.get('key.after')!.value!).toString(), 'a');
});

t.test('a tally numbers distinct keys in the order they come, whatever room it began with', async t => {
  for (const expected of [0, 10, 100_000]) {
    const tally = new KeyTally(expected);
    for (let i = 0; i < 100_000; i++) if (tally.add(`key.${i}`) !== i) t.fail(`key ${i}`);
    for (let i = 0; i < 100_000; i += 7) if (tally.add(`key.${i}`) !== i) t.fail(`key ${i} again`);
    t.equal(tally.size, 100_000);
    t.equal(tally.find('key.99999'), 99_999);
    t.equal(tally.find('key.100000'), -1);
  }
});
