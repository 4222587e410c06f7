import fc from 'fast-check';
import t from 'tap';
import { REFUSED, SketchSeed, SlotClock, type WindowShape, WindowSketch } from '../../lib/base/index.ts';
import { HeldClock } from './held-clock.ts';

const WINDOW_MS = 60_000;
const SLOT_MS = 5000;
const HOUR_MS = 3_600_000;
const seed = new SketchSeed(new Uint8Array(32).fill(9));
const key = (name: string) => seed.keyOf('test', name);
/** Narrow, so that names fall together. */
const NARROW: WindowShape = { width: 8, depth: 2, merged: false };
/** One cell: exact for one name. */
const EXACT: WindowShape = { width: 1, depth: 1, merged: false };

function open(shape: WindowShape) {
  const clock = new HeldClock();
  const time = new SlotClock(clock, WINDOW_MS);
  return { clock, time, sketch: new WindowSketch(time, shape) };
}

type Step =
  | { readonly kind: 'take'; readonly name: string; readonly times: number }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'jump'; readonly ms: number };

const steps = fc.array(
  fc.oneof(
    fc.record({
      kind: fc.constant('take' as const),
      name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      times: fc.integer({ min: 1, max: 12 }),
    }),
    fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 20_000 }) }),
    fc.record({ kind: fc.constant('jump' as const), ms: fc.constantFrom(HOUR_MS, -HOUR_MS, 7000, -7000) }),
  ) as fc.Arbitrary<Step>,
  { maxLength: 120 },
);

t.test('never more than the limit in any span of the window, never an undercount', async t => {
  const LIMIT = 10;
  fc.assert(
    fc.property(steps, list => {
      const { clock, time, sketch } = open(NARROW);
      const admitted = new Map<string, number[]>();
      for (const step of list) {
        if (step.kind === 'pass') clock.pass(step.ms);
        else if (step.kind === 'jump') {
          clock.jump(step.ms);
          time.reanchor();
        } else takeTimes(step.name, step.times);
      }
      function takeTimes(name: string, times: number): void {
        const at = admitted.get(name) ?? [];
        admitted.set(name, at);
        for (let i = 0; i < times; i++) {
          if (sketch.take(key(name), 1, LIMIT) !== REFUSED) at.push(clock.monotonicMs());
        }
        const recent = at.filter(ms => ms > clock.monotonicMs() - WINDOW_MS).length;
        t.ok(sketch.estimate(key(name)) >= recent, 'no undercount');
        t.ok(recent <= LIMIT, 'no span has more');
      }
    }),
  );
});

t.test('one name alone is counted exactly, slot by slot', async t => {
  fc.assert(
    fc.property(steps, list => {
      const { clock, time, sketch } = open(EXACT);
      const slots: number[] = [];
      for (const step of list) {
        if (step.kind === 'pass') clock.pass(step.ms);
        else if (step.kind === 'take') {
          for (let i = 0; i < step.times; i++) slots.push(sketch.add(key('only'), 1));
        }
        const counted = slots.filter(slot => slot >= time.slot() - 12).length;
        t.equal(sketch.estimate(key('only')), counted);
        t.equal(sketch.total(), counted);
      }
    }),
    { numRuns: 50 },
  );
});

t.test('the edge of a window is no gap: a full limit before it leaves nothing after it', async t => {
  const { clock, sketch } = open(EXACT);
  clock.pass(SLOT_MS - 1);
  for (let i = 0; i < 100; i++) sketch.take(key('a'), 1, 100);
  clock.pass(2);
  t.equal(sketch.take(key('a'), 1, 100), REFUSED);
  clock.pass(WINDOW_MS - 3);
  t.equal(sketch.take(key('a'), 1, 100), REFUSED, 'still within a minute');
  clock.pass(2 * SLOT_MS);
  t.not(sketch.take(key('a'), 1, 100), REFUSED);
});

t.test('5,000 at one moment at an empty limit of 100: 100 get through', async t => {
  const { sketch } = open({ width: 65_536, depth: 4, merged: false });
  const results = await Promise.all(
    Array.from({ length: 5000 }, async () => sketch.take(key('burst'), 1, 100) !== REFUSED),
  );
  t.equal(results.filter(Boolean).length, 100);
  t.equal(sketch.estimate(key('burst')), 100, 'the refused left nothing behind');
});

t.test('a jump of the wall clock neither empties nor freezes', async t => {
  for (const ms of [HOUR_MS, -HOUR_MS]) {
    const { clock, time, sketch } = open(EXACT);
    for (let i = 0; i < 5; i++) sketch.take(key('a'), 1, 5);
    clock.jump(ms);
    time.reanchor();
    t.equal(sketch.take(key('a'), 1, 5), REFUSED);
    clock.pass(WINDOW_MS + 3 * SLOT_MS);
    t.not(sketch.take(key('a'), 1, 5), REFUSED);
  }
});

t.test('it says when there is room again, and then there is', async t => {
  fc.assert(
    fc.property(
      fc.array(fc.record({ n: fc.integer({ min: 1, max: 5 }), passMs: fc.integer({ min: 0, max: 9000 }) }), {
        minLength: 1,
        maxLength: 30,
      }),
      fc.integer({ min: 1, max: 10 }),
      (list, n) => {
        const { clock, sketch } = open(EXACT);
        for (const step of list) {
          sketch.take(key('a'), step.n, 10);
          clock.pass(step.passMs);
        }
        const waitMs = sketch.freeInMs(key('a'), n, 10);
        t.ok(waitMs >= 0 && waitMs <= WINDOW_MS + SLOT_MS);
        if (waitMs > 1) {
          clock.pass(waitMs - 1);
          t.equal(sketch.take(key('a'), n, 10), REFUSED, 'not before');
          clock.pass(1.001);
        }
        t.not(sketch.take(key('a'), n, 10), REFUSED);
      },
    ),
  );
  const { sketch } = open(EXACT);
  t.equal(sketch.freeInMs(key('a'), 11, 10), Number.POSITIVE_INFINITY);
});

t.test('what was counted can be corrected in its slot, until it has left', async t => {
  const { clock, sketch } = open(EXACT);
  const slot = sketch.take(key('a'), 100, 1000);
  clock.pass(3 * SLOT_MS);
  t.ok(sketch.change(key('a'), -60, slot));
  t.equal(sketch.estimate(key('a')), 40);
  t.ok(sketch.change(key('a'), 500, slot), 'it may be more than the limit');
  t.equal(sketch.estimate(key('a')), 540);
  clock.pass(WINDOW_MS);
  t.notOk(sketch.change(key('a'), -540, slot));
  t.equal(sketch.estimate(key('a')), 0);
});

t.test('places are used again, empty, after however long a rest', async t => {
  const { clock, sketch } = open(NARROW);
  for (const restMs of [SLOT_MS, 15 * SLOT_MS, 16 * SLOT_MS, 17 * SLOT_MS, 32 * SLOT_MS, HOUR_MS, 1]) {
    for (let i = 0; i < 40; i++) {
      sketch.add(key(`x${i}`), 1);
      clock.pass(SLOT_MS);
      t.ok(sketch.total() <= 13);
    }
    clock.pass(WINDOW_MS + SLOT_MS);
    t.equal(sketch.estimate(key('x1')), 0);
    clock.pass(restMs);
  }
});

t.test('another thread goes on with the same counts', async t => {
  const { clock, time, sketch } = open(NARROW);
  sketch.add(key('a'), 3);
  const other = new WindowSketch(new SlotClock(clock, WINDOW_MS, time.state), NARROW, sketch.buffer);
  t.equal(other.estimate(key('a')), 3);
  other.add(key('a'), 4);
  clock.pass(SLOT_MS);
  t.equal(sketch.estimate(key('a')), 7);
});

t.test('a slot whose zeroing never ended refuses, and the next one works', async t => {
  const { clock, time, sketch } = open(NARROW);
  sketch.add(key('a'), 1);
  clock.pass(16 * SLOT_MS);
  // The thread that began to zero the place of slot 16 has died.
  new Int32Array(sketch.buffer)[time.slot() % 16] = -(time.slot() + 1);
  t.equal(sketch.take(key('a'), 1, 10), REFUSED);
  t.equal(sketch.estimate(key('a')), 0);
  clock.pass(SLOT_MS);
  t.not(sketch.take(key('a'), 1, 10), REFUSED);
  clock.pass(15 * SLOT_MS);
  t.not(sketch.take(key('a'), 1, 10), REFUSED, 'and so does its place, next time round');
});
