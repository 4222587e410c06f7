import { parentPort, workerData } from 'node:worker_threads';
import {
  type Clock,
  type CountersShape,
  NO_ROOM,
  REFUSED,
  SharedCounters,
  SketchSeed,
  SlotClock,
  type WindowShape,
  WindowSketch,
} from '../../lib/base/index.ts';

/** What a counting thread is told. Each thread does all of it as fast as it can, then answers. */
export type Orders =
  | {
      readonly kind: 'window';
      readonly seed: Uint8Array;
      readonly windowMs: number;
      /** Milliseconds, which whoever gave the orders moves on. */
      readonly now: SharedArrayBuffer;
      readonly state: SharedArrayBuffer;
      readonly shape: WindowShape;
      readonly buffer: SharedArrayBuffer;
      readonly names: number;
      readonly limit: number;
      readonly rounds: number;
    }
  | {
      readonly kind: 'counters';
      readonly shape: CountersShape;
      readonly buffer: SharedArrayBuffer;
      readonly column: number;
      /** Counted up while a name is held, to see how many hold it. */
      readonly held: SharedArrayBuffer;
      readonly names: number;
      readonly limit: number;
      readonly rounds: number;
    }
  | {
      readonly kind: 'hold';
      readonly shape: CountersShape;
      readonly buffer: SharedArrayBuffer;
      readonly column: number;
    };

/** By name: the slots in which it was admitted. */
export type Admitted = number[][];

function countInWindow(orders: Extract<Orders, { kind: 'window' }>): Admitted {
  const now = new Int32Array(orders.now);
  const nowMs = () => Atomics.load(now, 0);
  const clock: Clock = { wallMs: nowMs, monotonicMs: nowMs };
  const sketch = new WindowSketch(
    new SlotClock(clock, orders.windowMs, orders.state),
    orders.shape,
    orders.buffer,
  );
  const seed = new SketchSeed(orders.seed);
  const keys = Array.from({ length: orders.names }, (_, i) => seed.keyOf('thread', String(i)));
  const admitted: Admitted = keys.map(() => []);
  for (let i = 0; i < orders.rounds; i++) {
    const name = i % orders.names;
    const slot = sketch.take(keys[name]!, 1, orders.limit);
    if (slot === REFUSED) continue;
    // Some are given back, as by a later limit that refuses.
    if (i % 5 === 0) sketch.change(keys[name]!, -1, slot);
    else admitted[name]!.push(slot);
  }
  return admitted;
}

/** The most that were seen to hold one name at the same time. */
function countAtATime(orders: Extract<Orders, { kind: 'counters' }>): number {
  const counters = new SharedCounters(orders.shape, orders.column, orders.buffer);
  const seed = new SketchSeed(new Uint8Array(32));
  const keys = Array.from({ length: orders.names }, (_, i) => seed.keyOf('thread', String(i)));
  const held = new Int32Array(orders.held);
  let most = 0;
  const mine: { readonly entry: number; readonly name: number }[] = [];
  for (let i = 0; i < orders.rounds; i++) {
    const name = i % orders.names;
    const entry = counters.acquire(keys[name]!, orders.limit);
    if (entry !== NO_ROOM) {
      most = Math.max(most, Atomics.add(held, name, 1) + 1);
      mine.push({ entry, name });
    }
    if (mine.length > i % 4) {
      const last = mine.shift()!;
      Atomics.sub(held, last.name, 1);
      counters.release(last.entry);
    }
  }
  for (const { entry, name } of mine) {
    Atomics.sub(held, name, 1);
    counters.release(entry);
  }
  return most;
}

const orders = workerData as Orders;
if (orders.kind === 'window') parentPort!.postMessage(countInWindow(orders));
else if (orders.kind === 'counters') parentPort!.postMessage(countAtATime(orders));
else {
  const counters = new SharedCounters(orders.shape, orders.column, orders.buffer);
  const key = new SketchSeed(new Uint8Array(32)).keyOf('thread', 'held');
  for (let i = 0; i < 5; i++) counters.acquire(key, 100);
  parentPort!.postMessage('holding');
  // Until it is ended.
  setInterval(() => {}, 60_000);
}
