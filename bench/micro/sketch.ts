/**
 * What limits cost and how far their counts are off, for docs/limits.md:
 * `node bench/micro/sketch.ts` in the checkout. Takes about a minute.
 */
import { availableParallelism, cpus } from 'node:os';
import {
  REFUSED,
  SharedCounters,
  type SketchKey,
  SketchSeed,
  SlotClock,
  WindowSketch,
} from '../../lib/base/index.ts';

const SHAPE = { width: 65_536, depth: 4, merged: false };
const WINDOW_MS = 60_000;
const SLOT_MS = 5000;
const SLOTS = 13;
const NAMES = 1_000_000;
const WORDS = 8;
const ROUNDS = 100_000;

/** Stands still unless it is told to go on, so that a window can be filled at once. */
class BenchClock {
  nowMs = 1_800_000_000_000;
  wallMs = (): number => this.nowMs;
  monotonicMs = (): number => this.nowMs;
}

/** Numbers that look random and are the same in every run. */
class Dice {
  #state = 0x2545f491;

  below(n: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return ((this.#state >>> 0) / 2 ** 32) * n;
  }
}

type Draw = (dice: Dice) => number;

function uniform(names: number): Draw {
  return dice => Math.floor(dice.below(names));
}

/** Name i is asked for in proportion to 1 / (i + 1). */
function zipf(names: number): Draw {
  const sums = new Float64Array(names);
  let sum = 0;
  for (let i = 0; i < names; i++) {
    sum += 1 / (i + 1);
    sums[i] = sum;
  }
  return dice => {
    const wanted = dice.below(sum);
    let low = 0;
    let high = names - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle]! <= wanted) low = middle + 1;
      else high = middle;
    }
    return low;
  };
}

const seed = new SketchSeed(new Uint8Array(32).fill(42));

/** The keys of all names, one after the other: as objects of their own they would be the memory that is measured. */
function keysOf(names: number): Uint32Array {
  const words = new Uint32Array(names * WORDS);
  for (let i = 0; i < names; i++) words.set(seed.keyOf('bench', String(i)), i * WORDS);
  return words;
}

function keyAt(words: Uint32Array, name: number): SketchKey {
  return words.subarray(name * WORDS, (name + 1) * WORDS);
}

/** Fills a whole window, and says how often each name was asked for. */
function fill(words: Uint32Array, draw: Draw, total: number, shape = SHAPE) {
  const clock = new BenchClock();
  const sketch = new WindowSketch(new SlotClock(clock, WINDOW_MS), shape);
  const exact = new Uint32Array(words.length / WORDS);
  const dice = new Dice();
  for (let slot = 0; slot < SLOTS; slot++) {
    if (slot > 0) clock.nowMs += SLOT_MS;
    for (let i = 0; i < Math.floor(total / SLOTS); i++) {
      const name = draw(dice);
      exact[name]!++;
      sketch.add(keyAt(words, name), 1);
    }
  }
  return { clock, sketch, exact };
}

type Row = readonly (string | number)[];

function print(title: string, header: Row, rows: readonly Row[]): void {
  const all = [header, ...rows].map(row => row.map(String));
  const widths = all[0]!.map((_, column) => Math.max(...all.map(row => row[column]!.length)));
  console.log(`\n${title}\n`);
  all.forEach((row, i) => {
    console.log(`| ${row.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`);
    if (i === 0) console.log(`|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`);
  });
}

function percent(share: number): string {
  return `${(share * 100).toPrecision(2)} %`;
}

/** By how much names are counted too high. Every one of a million is asked. */
function errorRow(label: string, words: Uint32Array, draw: Draw, total: number, width = SHAPE.width): Row {
  const { sketch, exact } = fill(words, draw, total, { ...SHAPE, width });
  const over = new Float64Array(exact.length);
  for (let name = 0; name < exact.length; name++) {
    over[name] = sketch.estimate(keyAt(words, name)) - exact[name]!;
    if (over[name]! < 0) throw new Error(`name ${name} is counted too low`);
  }
  over.sort();
  const at = (share: number): number => over[Math.floor((over.length - 1) * share)]!;
  const counted = sketch.total();
  const bound = (Math.E / width) * counted;
  const beyond = over.filter(error => error > bound).length / over.length;
  const spare = (limit: number): string =>
    percent(over.filter(error => error > limit / 2).length / over.length);
  return [
    label,
    width,
    counted,
    bound.toFixed(1),
    percent(beyond),
    (over.reduce((a, b) => a + b) / over.length).toFixed(2),
    at(0.5),
    at(0.99),
    at(1),
    spare(10),
    spare(60),
  ];
}

/** Microseconds of one call. The best of a few: what else the machine does only makes it longer. */
function micros(step: (i: number) => unknown): string {
  let best = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 4; turn++) {
    const begin = performance.now();
    for (let i = 0; i < ROUNDS; i++) step(i);
    best = Math.min(best, performance.now() - begin);
  }
  return ((best * 1000) / ROUNDS).toFixed(2);
}

function costRows(label: string, names: number, merged: boolean): Row {
  const words = keysOf(names);
  const { sketch } = fill(words, uniform(names), 1_300_000, { ...SHAPE, merged });
  const keys = Array.from({ length: names }, (_, name) => Uint32Array.from(keyAt(words, name)));
  const dice = new Dice();
  const order = Uint32Array.from({ length: 65_536 }, () => dice.below(names));
  const next = (i: number): SketchKey => keys[order[i & 65_535]!]!;
  return [
    label,
    micros(i => sketch.take(next(i), 1, 1_000_000_000)),
    micros(i => sketch.take(next(i), 1, 0)),
    micros(i => sketch.estimate(next(i))),
  ];
}

function otherCosts(): readonly Row[] {
  const counters = new SharedCounters({ entries: 65_536, columns: 1 }, 0);
  const keys = Array.from({ length: 1000 }, (_, i) => seed.keyOf('bench', String(i)));
  const exact = new WindowSketch(new SlotClock(new BenchClock(), WINDOW_MS), {
    width: 1,
    depth: 1,
    merged: false,
  });
  return [
    ['name of a key, made once', micros(i => seed.keyOf('bench', String(i)))],
    ['all requests together: one cell', micros(() => exact.take(keys[0]!, 1, 1_000_000_000))],
    ['concurrency: take and give back', micros(i => counters.release(counters.acquire(keys[i % 1000]!, 9)))],
  ];
}

/** Milliseconds of what does not happen at every request. */
function rareCosts(words: Uint32Array): readonly Row[] {
  const { clock, sketch } = fill(words, uniform(NAMES), 1_300_000, { ...SHAPE, merged: true });
  while (sketch.drain(Number.POSITIVE_INFINITY).length > 0);
  const timed = (step: () => unknown): string => {
    const begin = performance.now();
    step();
    return (performance.now() - begin).toFixed(2);
  };
  const rows: Row[] = [];
  for (const names of [1, 300, 3000]) {
    for (let i = 0; i < names; i++) sketch.add(keyAt(words, i), 1);
    rows.push([
      `telling what ${names} names have counted since the last time`,
      timed(() => sketch.drain(Number.POSITIVE_INFINITY)),
    ]);
  }
  clock.nowMs += SLOTS * SLOT_MS;
  sketch.add(keyAt(words, 0), 1);
  clock.nowMs += SLOT_MS;
  rows.push([
    'the first request of a slot, which zeroes the next one',
    timed(() => sketch.add(keyAt(words, 0), 1)),
  ]);
  return rows;
}

function refusalCheck(): void {
  const sketch = new WindowSketch(new SlotClock(new BenchClock(), WINDOW_MS), SHAPE);
  const key = seed.keyOf('bench', 'burst');
  let admitted = 0;
  for (let i = 0; i < 5000; i++) if (sketch.take(key, 1, 100) !== REFUSED) admitted++;
  if (admitted !== 100) throw new Error(`${admitted} of a burst were admitted`);
}

refusalCheck();
console.log(`node ${process.version}, ${availableParallelism()} × ${cpus()[0]?.model}`);
console.log(`sketch ${SHAPE.width} × ${SHAPE.depth}, window of 12 slots and the one under way`);
const words = keysOf(NAMES);
print(
  `By how much a name is counted too high (${NAMES.toLocaleString('en')} names, each asked; none was too low).`,
  [
    'load',
    'width',
    'N',
    'bound e/w·N',
    'beyond it',
    'mean',
    'median',
    '99 %',
    'most',
    'refused at ½ of 10',
    'of 60',
  ],
  [
    errorRow('uniform', words, uniform(NAMES), 100_000),
    errorRow('uniform', words, uniform(NAMES), 1_000_000),
    errorRow('uniform', words, uniform(NAMES), 1_000_000, 4 * SHAPE.width),
    errorRow('zipf', words, zipf(NAMES), 1_000_000),
    errorRow('zipf', words, zipf(NAMES), 1_000_000, 4 * SHAPE.width),
  ],
);
console.log(`\nStated: no more than ${percent(Math.exp(-SHAPE.depth))} of the names beyond the bound.`);
print(
  'Microseconds of one limit at one request, the window being full.',
  ['names', 'add and look', 'refused', 'estimate, for limit headers'],
  [
    costRows('100', 100, false),
    costRows('100,000', 100_000, false),
    costRows('100, in a fleet', 100, true),
    costRows('100,000, in a fleet', 100_000, true),
  ],
);
print('Microseconds of the rest.', ['what', 'µs'], otherCosts());
print('Milliseconds of what happens now and then.', ['what', 'ms'], rareCosts(words));
const time = new SlotClock(new BenchClock(), WINDOW_MS);
const mib = (buffer: SharedArrayBuffer): string => (buffer.byteLength / 2 ** 20).toFixed(1);
print(
  'Memory, whatever the number of names.',
  ['what', 'MiB'],
  [
    ['a limit', mib(new WindowSketch(time, SHAPE).buffer)],
    ['a limit, in a fleet', mib(new WindowSketch(time, { ...SHAPE, merged: true }).buffer)],
    ['concurrency', mib(new SharedCounters({ entries: 65_536, columns: 1 }, 0).buffer)],
  ],
);
