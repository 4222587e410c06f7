import assert from 'node:assert/strict';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import t from 'tap';
import { type Fingerprint, FingerprintTable, fingerprintOf } from '../../lib/base/index.ts';
import { within } from '../deadline/index.ts';

/** Few homes, so that entries stand in each other's way. */
const print = fc
  .tuple(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 15 }))
  .map(([a, b]) => fingerprintOf(a, b));
const nameOf = ({ word, home }: Fingerprint): string => `${word}.${home}`;
const command = fc.record({
  isRemoval: fc.boolean(),
  print,
  low: fc.nat(2 ** 32 - 1),
  high: fc.nat(2 ** 32 - 1),
});

t.test('any history of a table is that of a map, and a copy over the same buffer sees it', async () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 120 }), commands => {
      const table = FingerprintTable.create(8);
      const reader = new FingerprintTable(table.buffer);
      const model = new Map<string, { low: number; high: number }>();
      const seen = new Map<string, Fingerprint>();
      for (const { isRemoval, print, low, high } of commands) {
        seen.set(nameOf(print), print);
        const { version } = reader;
        if (isRemoval) {
          assert.equal(table.remove(print), model.delete(nameOf(print)));
        } else {
          const hasRoom = model.has(nameOf(print)) || model.size < 8;
          assert.equal(table.set(print, low, high), hasRoom);
          if (hasRoom) {
            model.set(nameOf(print), { low, high });
            assert.notEqual(reader.version, version);
          }
        }
        assert.equal(reader.size, model.size);
        for (const [name, print] of seen) assert.deepEqual(reader.lookup(print), model.get(name) ?? null);
      }
    }),
    { numRuns: 150 },
  );
});

t.test(
  'the size is that of the next power of two from twice the entries, and no smaller table is made',
  async t => {
    t.equal(FingerprintTable.create(1_000_000).buffer.byteLength, 2 ** 21 * 16 + 64);
    t.equal(FingerprintTable.create(1024).buffer.byteLength, 2048 * 16 + 64);
    t.equal(new FingerprintTable(FingerprintTable.create(1025).buffer).maxEntries, 1025);
    for (const bad of [0, -1, 1.5, 2 ** 24 + 1, Number.NaN])
      t.throws(() => FingerprintTable.create(bad), RangeError);
  },
);

t.test('a fingerprint is never an empty slot', async t => {
  const table = FingerprintTable.create(16);
  for (const [a, b] of [
    [0, 0],
    [1, 0],
    [2 ** 32, 5],
    [-1, -1],
  ] as const) {
    const print = fingerprintOf(a, b);
    t.ok(table.set(print, 0, 0));
    t.strictSame(table.lookup(print), { low: 0, high: 0 });
    t.ok(table.remove(print));
    t.equal(table.lookup(print), null);
  }
});

t.test('another thread never misses an entry that stays, nor sees one with another value', async t => {
  const table = FingerprintTable.create(64);
  const rounds = new Int32Array(new SharedArrayBuffer(4));
  // The first stands far behind its home, which the second has, until that goes. Those in between cannot move.
  const names = [[100, 10], [101, 10], ...Array.from({ length: 40 }, (_, i) => [102 + i, 11 + i])];
  const file = fileURLToPath(new URL('./fingerprint-reader.ts', import.meta.url));
  const worker = new Worker(file, { workerData: { buffer: table.buffer, rounds: rounds.buffer, names } });
  const [started] = await within(once(worker, 'message') as Promise<[unknown]>, 'the reader to start');
  t.equal(started, 'reading');
  const prints = names.map(([word, home]) => fingerprintOf(word!, home!));
  const last = prints.length - 1;
  for (let i = 2; i <= last; i++) table.set(prints[i]!, i, i * 3);
  for (let round = 0; round < 60_000; round++) {
    table.set(prints[1]!, 1, 3);
    table.set(prints[0]!, 0, 0);
    Atomics.add(rounds, 0, 1);
    table.remove(prints[1]!);
    // This one's place is written over by the next that comes.
    table.remove(prints[last - (round % 8)]!);
    Atomics.add(rounds, 0, 1);
    table.remove(prints[0]!);
    table.set(prints[last - (round % 8)]!, last - (round % 8), (last - (round % 8)) * 3);
  }
  Atomics.store(rounds, 0, -1);
  const report = once(worker, 'message') as Promise<[{ reads: number; missed: number; mixed: number }]>;
  const [{ reads, missed, mixed }] = await within(report, 'the report');
  t.strictSame({ missed, mixed }, { missed: 0, mixed: 0 });
  t.ok(reads > 1000, `${reads} lookups beside the writer`);
  await worker.terminate();
});
