import { setTimeout } from 'node:timers/promises';
import type { LoadOrder, Measurement } from './orders.ts';
import { StreamConnection } from './stream-connection.ts';
import { Window } from './window.ts';

const OPENED_AT_ONCE = 25;
const OPENING_GAP_MS = 20;
const START_TIMEOUT_MS = 20_000;
const END_TIMEOUT_MS = 10_000;

/** Many streams that each get events at a steady, slow rate; `finish` asks the mock to end them all. */
export async function slowStreams(
  order: LoadOrder,
  readBuffer: Buffer,
  finish: () => void,
): Promise<Measurement> {
  const window = new Window(order);
  const allStarted = new Countdown(order.connections);
  const allEnded = new Countdown(order.connections);
  const listener = {
    started: () => allStarted.tick(),
    arrived: (delayMs: number) => window.record(delayMs),
    ended: (problem: string | null) => {
      if (problem !== null) window.fail(problem);
      allEnded.tick();
    },
  };
  const streams: StreamConnection[] = [];
  while (streams.length < order.connections) {
    for (let i = 0; i < OPENED_AT_ONCE && streams.length < order.connections; i++) {
      streams.push(new StreamConnection(order, readBuffer, listener));
    }
    await setTimeout(OPENING_GAP_MS);
  }
  if (await within(START_TIMEOUT_MS, Promise.race([allStarted.reached, allEnded.reached]))) {
    await window.pass(order.warmMs, order.measureMs);
  }
  finish();
  await within(END_TIMEOUT_MS, allEnded.reached);
  if (allEnded.left > 0) window.fail(`${allEnded.left} streams never ended, ${allStarted.left} never began`);
  for (const stream of streams) stream.close();
  return window.measurement();
}

/** A promise that is kept after `left` ticks. */
class Countdown {
  left: number;
  readonly reached: Promise<void>;
  private resolve: () => void = () => {};

  constructor(left: number) {
    this.left = left;
    this.reached = new Promise(resolve => {
      this.resolve = resolve;
    });
  }

  tick(): void {
    if (--this.left === 0) this.resolve();
  }
}

/** True if the promise was kept in time. */
async function within(timeoutMs: number, promise: Promise<unknown>): Promise<boolean> {
  const cancel = new AbortController();
  const late = setTimeout(timeoutMs, false, { signal: cancel.signal }).catch(() => false);
  const kept = await Promise.race([promise.then(() => true), late]);
  cancel.abort();
  return kept;
}
