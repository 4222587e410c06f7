import fc from 'fast-check';
import t from 'tap';
import { ADD_MAX, CountMin, SATURATED, SketchSeed, type SketchShape } from '../../lib/base/index.ts';

const seed = new SketchSeed(new Uint8Array(32).fill(7));
const SMALL: SketchShape = { width: 16, depth: 4 };

function sketch(shape = SMALL): CountMin {
  return new CountMin(shape, new Int32Array(new SharedArrayBuffer(shape.width * shape.depth * 4)));
}

const key = (name: string) => seed.keyOf('test', name);
const adds = fc.array(
  fc.record({ name: fc.integer({ min: 0, max: 60 }).map(String), n: fc.integer({ min: 1, max: 1000 }) }),
  { maxLength: 200 },
);

t.test('an estimate is never below the true count, also after some was taken back', async t => {
  fc.assert(
    fc.property(adds, fc.infiniteStream(fc.boolean()), (list, returned) => {
      const counts = sketch();
      const exact = new Map<string, number>();
      for (const { name, n } of list) {
        counts.add(key(name), n);
        exact.set(name, (exact.get(name) ?? 0) + n);
      }
      for (const { name, n } of list) {
        if (returned.next().value !== true) continue;
        counts.add(key(name), -n);
        exact.set(name, exact.get(name)! - n);
      }
      for (const [name, n] of exact) if (counts.estimate(key(name)) < n) return false;
      return true;
    }),
  );
  t.pass('held for all');
});

t.test('linear: parts add up, in any order, and what is taken back leaves nothing', async t => {
  fc.assert(
    fc.property(adds, adds, (left, right) => {
      const a = sketch();
      const b = sketch();
      const both = sketch();
      for (const { name, n } of left) a.add(key(name), n);
      for (const { name, n } of right) b.add(key(name), n);
      for (const { name, n } of [...right, ...left].reverse()) both.add(key(name), n);
      t.ok(a.cells.every((cell, at) => cell + b.cells[at]! === both.cells[at]));
      for (const { name } of left) t.equal(a.estimateWith(b, key(name)), both.estimate(key(name)));
      for (const { name, n } of left) both.add(key(name), -n);
      return both.cells.every((cell, at) => cell === b.cells[at]);
    }),
    { numRuns: 30 },
  );
});

t.test('the error is within its bound for all but e^-depth of the names', async t => {
  const shape = { width: 512, depth: 4 };
  const counts = sketch(shape);
  const names = 5000;
  for (let i = 0; i < names; i++) counts.add(key(`n${i}`), 1 + (i % 3));
  const total = Array.from({ length: names }, (_, i) => 1 + (i % 3)).reduce((a, b) => a + b);
  const bound = (Math.E / shape.width) * total;
  let beyond = 0;
  for (let i = 0; i < names; i++) if (counts.estimate(key(`n${i}`)) - (1 + (i % 3)) > bound) beyond++;
  t.ok(beyond / names <= Math.exp(-shape.depth), `${beyond} of ${names} beyond ${bound}`);
});

t.test('a full cell stays full', async t => {
  const counts = sketch({ width: 1, depth: 1 });
  for (let i = 0; i < SATURATED / ADD_MAX; i++) counts.add(key('a'), ADD_MAX);
  t.equal(counts.estimate(key('a')), SATURATED);
  counts.add(key('a'), ADD_MAX);
  t.equal(counts.estimate(key('a')), SATURATED, 'no cell wraps');
  counts.add(key('a'), -ADD_MAX);
  t.equal(counts.estimate(key('a')), SATURATED, 'it has lost count');
});

t.test('where names fall depends on the seed and on the kind', async t => {
  const other = SketchSeed.random();
  t.strictSame(key('a'), seed.keyOf('test', 'a'));
  t.notSame(key('a'), other.keyOf('test', 'a'));
  t.notSame(key('a'), seed.keyOf('tes', 'ta'));
  t.notSame(seed.id, other.id);
  t.strictSame(new SketchSeed(seed.reveal()).id, seed.id);
  t.notMatch(JSON.stringify(seed) + String(seed), Buffer.from(seed.reveal()).toString('hex'));
  t.throws(() => new SketchSeed(new Uint8Array(31)), { name: 'RangeError' });
});
