import fc from 'fast-check';
import t from 'tap';
import { SketchSeed } from '../../lib/base/index.ts';
import {
  type Delta,
  decodeDelta,
  encodeDelta,
  MESSAGE_BYTES_MAX,
  MESSAGE_CELLS_MAX,
} from '../../lib/limits/delta-codec.ts';

const seed = new SketchSeed(new Uint8Array(32).fill(1));
const other = new SketchSeed(new Uint8Array(32).fill(2));

const SAMPLE: Delta = {
  instance: 'weir-1',
  boot: '0011223344556677',
  serial: 300,
  dimension: 2,
  width: 65_536,
  depth: 4,
  slotMs: 5000,
  unixSlot: 360_000_123,
  cells: [0, 1, 200, 70_000, 262_143],
  counts: [1, -1, 1000, -(2 ** 20), 2 ** 30],
};

const cellCounts = fc.uniqueArray(fc.integer({ min: 0, max: 262_143 }), { maxLength: 300 }).chain(cells =>
  fc.tuple(
    fc.constant(cells.sort((a, b) => a - b)),
    fc.array(
      fc.integer({ min: -(2 ** 30), max: 2 ** 30 }).filter(n => n !== 0),
      { minLength: cells.length, maxLength: cells.length },
    ),
  ),
);

const deltas: fc.Arbitrary<Delta> = fc
  .record({
    instance: fc.string({ maxLength: 40, unit: 'grapheme' }),
    serial: fc.nat(),
    unixSlot: fc.integer({ min: 0, max: 2 ** 40 }),
    dimension: fc.nat({ max: 5 }),
    cellCounts,
  })
  .map(({ cellCounts: [cells, counts], ...rest }) => ({ ...SAMPLE, ...rest, cells, counts }));

t.test('what is written is read', async t => {
  fc.assert(
    fc.property(deltas, delta => {
      t.strictSame(decodeDelta(encodeDelta(delta, seed), seed), delta);
    }),
  );
  const empty = { ...SAMPLE, cells: [], counts: [], width: 0, depth: 0 };
  t.strictSame(decodeDelta(encodeDelta(empty, seed), seed), empty);
  const long = encodeDelta({ ...SAMPLE, instance: 'x'.repeat(300) }, seed);
  t.hasStrict(decodeDelta(long, seed), { instance: 'x'.repeat(255) });
});

t.test('the longest message fits', async t => {
  const cells = Array.from({ length: MESSAGE_CELLS_MAX }, (_, i) => i * 400);
  const delta = { ...SAMPLE, width: 2 ** 20, depth: 8, cells, counts: cells.map(() => -(2 ** 30)) };
  const message = encodeDelta(delta, seed);
  t.ok(message.length < MESSAGE_BYTES_MAX, `${message.length} bytes`);
  t.strictSame(decodeDelta(message, seed), delta);
});

t.test('every truncation and every flipped bit is refused', async t => {
  const message = encodeDelta(SAMPLE, seed);
  for (let length = 0; length < message.length; length++) {
    t.type(decodeDelta(message.subarray(0, length), seed), 'string', `${length} bytes`);
  }
  for (let bit = 0; bit < message.length * 8; bit++) {
    const bad = Buffer.from(message);
    bad[bit >> 3]! ^= 1 << (bit & 7);
    t.type(decodeDelta(bad, seed), 'string', `bit ${bit}`);
  }
  t.equal(decodeDelta(Buffer.concat([message, Buffer.from([0])]), seed), 'forged');
  t.equal(decodeDelta(message, other), 'seed');
  t.equal(decodeDelta(new Uint8Array(MESSAGE_BYTES_MAX + 1), seed), 'size');
});

t.test('no bytes make it throw', async t => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes => {
      t.equal(decodeDelta(bytes, seed), 'malformed');
    }),
  );
});

t.test('a member of the fleet that writes nonsense is refused as well', async t => {
  const good = encodeDelta(SAMPLE, seed);
  const headEnd = 4 + 8 + 8 + 1 + SAMPLE.instance.length;
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), tail => {
      const body = Buffer.concat([good.subarray(0, headEnd), tail]);
      const read = decodeDelta(Buffer.concat([body, seed.mac(body)]), seed);
      if (typeof read === 'string') return read === 'malformed';
      return (
        read.cells.length === read.counts.length &&
        read.cells.every((cell, i) => cell < read.width * read.depth && cell > (read.cells[i - 1] ?? -1)) &&
        read.counts.every(count => count !== 0 && Math.abs(count) <= 2 ** 30)
      );
    }),
    { numRuns: 2000 },
  );
  const lies: Delta[] = [
    { ...SAMPLE, cells: [262_144], counts: [1] },
    { ...SAMPLE, cells: [1], counts: [0] },
    { ...SAMPLE, cells: [1], counts: [2 ** 30 + 1] },
    { ...SAMPLE, cells: [1], counts: [-(2 ** 30) - 1] },
    { ...SAMPLE, width: 0, cells: [0], counts: [1] },
    {
      ...SAMPLE,
      cells: Array.from({ length: MESSAGE_CELLS_MAX + 1 }, (_, i) => i),
      counts: Array.from({ length: MESSAGE_CELLS_MAX + 1 }, () => 1),
    },
  ];
  for (const lie of lies) t.equal(decodeDelta(encodeDelta(lie, seed), seed), 'malformed');
});
