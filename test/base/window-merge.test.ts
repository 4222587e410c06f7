import fc from 'fast-check';
import t from 'tap';
import { REFUSED, SketchSeed, SlotClock, type SlotDelta, WindowSketch } from '../../lib/base/index.ts';
import { HeldClock } from './held-clock.ts';

const WINDOW_MS = 60_000;
const SLOT_MS = 5000;
const SHAPE = { width: 64, depth: 3, merged: true };
const ALL = Number.POSITIVE_INFINITY;
const seed = new SketchSeed(new Uint8Array(32).fill(3));
const key = (name: string) => seed.keyOf('test', name);
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'];

function open() {
  const clock = new HeldClock();
  const time = new SlotClock(clock, WINDOW_MS);
  return { clock, time, sketch: new WindowSketch(time, SHAPE) };
}

const counts = fc.array(
  fc.record({
    name: fc.constantFrom(...NAMES),
    n: fc.integer({ min: 1, max: 500 }),
    back: fc.integer({ min: 0, max: 500 }),
    passMs: fc.constantFrom(0, 0, 0, 1000, 6000),
  }),
  { maxLength: 25 },
);

t.test('what is drained counts as before, and is drained once', async t => {
  fc.assert(
    fc.property(counts, fc.integer({ min: 1, max: 7 }), (list, every) => {
      const { clock, time, sketch } = open();
      const plain = new WindowSketch(time, { ...SHAPE, merged: false });
      const drained: SlotDelta[] = [];
      list.forEach(({ name, n, back, passMs }, i) => {
        const slot = sketch.add(key(name), n);
        plain.add(key(name), n);
        clock.pass(passMs);
        if (i % every === 0) drained.push(...sketch.drain(ALL));
        sketch.change(key(name), -Math.min(n, back), slot);
        plain.change(key(name), -Math.min(n, back), slot);
        for (const each of NAMES) t.equal(sketch.estimate(key(each)), plain.estimate(key(each)));
        t.equal(sketch.total(), plain.total());
      });
      drained.push(...sketch.drain(ALL));
      t.strictSame(sketch.drain(ALL), []);
      const other = new WindowSketch(time, SHAPE);
      // A sketch that hears everything, in the order it was said, knows as much.
      for (const delta of drained) other.absorb(delta);
      for (const name of NAMES) t.equal(other.estimate(key(name)), sketch.estimate(key(name)));
      t.strictSame(other.drain(ALL), [], 'what came from others is not told again');
    }),
    { numRuns: 60 },
  );
});

t.test('deltas of several instances add up in any order', async t => {
  fc.assert(
    fc.property(
      fc.array(counts, { minLength: 2, maxLength: 3 }),
      fc.infiniteStream(fc.nat()),
      (lists, dice) => {
        const { time } = open();
        const deltas = lists.flatMap(list => {
          const sketch = new WindowSketch(time, SHAPE);
          for (const { name, n } of list) sketch.add(key(name), n);
          return sketch.drain(ALL);
        });
        const forwards = new WindowSketch(time, SHAPE);
        const shuffled = new WindowSketch(time, SHAPE);
        for (const delta of deltas) forwards.absorb(delta);
        const order = deltas.map(delta => ({ delta, at: dice.next().value as number }));
        for (const { delta } of order.sort((a, b) => a.at - b.at)) shuffled.absorb(delta);
        for (const name of NAMES) {
          const exact = lists.flat().reduce((sum, count) => sum + (count.name === name ? count.n : 0), 0);
          t.equal(forwards.estimate(key(name)), shuffled.estimate(key(name)));
          t.ok(forwards.estimate(key(name)) >= exact);
        }
      },
    ),
    { numRuns: 60 },
  );
});

t.test('what others counted is part of the limit', async t => {
  const { clock, time, sketch } = open();
  const other = new WindowSketch(time, SHAPE);
  for (let i = 0; i < 7; i++) other.take(key('a'), 1, 10);
  for (const delta of other.drain(ALL)) t.ok(sketch.absorb(delta));
  let admitted = 0;
  while (sketch.take(key('a'), 1, 10) !== REFUSED) admitted++;
  t.equal(admitted, 3);
  t.ok(sketch.freeInMs(key('a'), 1, 10) > 0);
  clock.pass(WINDOW_MS + SLOT_MS);
  t.equal(sketch.estimate(key('a')), 0, 'and leaves with its slot');
});

t.test('only slots of the window and the one after it are taken', async t => {
  const { clock, sketch } = open();
  const about = (slot: number): SlotDelta => ({ slot, cells: [0], counts: [1] });
  clock.pass(20 * SLOT_MS);
  t.strictSame(
    [7, 8, 20, 21, 22, -1].map(slot => sketch.absorb(about(slot))),
    [false, true, true, true, false, false],
  );
  t.equal(sketch.total(), 3, 'a clock a little ahead counts as well');
});

t.test('no cell falls below nothing, whatever others say', async t => {
  const { sketch } = open();
  sketch.add(key('a'), 5);
  const cells = Array.from({ length: SHAPE.width * SHAPE.depth }, (_, at) => at);
  sketch.absorb({ slot: 0, cells, counts: cells.map(() => -1000) });
  t.equal(sketch.estimate(key('a')), 5);
  sketch.drain(ALL);
  t.equal(sketch.estimate(key('a')), 5);
});

t.test('a long list goes in pieces', async t => {
  const { clock, sketch } = open();
  const told = new Set<string>();
  for (let i = 0; i < 30; i++) {
    sketch.add(key(String(i)), 1);
    clock.pass(1000);
  }
  for (;;) {
    const deltas = sketch.drain(4);
    const cells = deltas.flatMap(({ slot, cells }) => cells.map(cell => `${slot}:${cell}`));
    if (cells.length === 0) break;
    t.ok(cells.length <= 4);
    for (const cell of cells) {
      t.notOk(told.has(cell));
      told.add(cell);
    }
  }
  t.equal(sketch.unpublished(key('29'), 6), 0);
  t.equal(sketch.total(), 30);
  t.ok(told.size > 60);
});
