import { Refusal } from '../../errors/index.ts';

const CLOSED = 0;
const STALE_AT = 1;

/**
 * Whether virtual keys may be judged by what is known of the deny set, as all
 * threads see it. Open unless `deny.requireSeed` or `deny.maxStaleness` ask for
 * more.
 */
export class DenyGate {
  /** Give it to another thread, and make a gate of it there. */
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;

  constructor(buffer = new SharedArrayBuffer(8)) {
    this.buffer = buffer;
    this.#words = new Int32Array(buffer);
  }

  /** @param staleAtSeconds Unix time from which keys are refused; 0: never. */
  set(isSeeded: boolean, staleAtSeconds: number): void {
    Atomics.store(this.#words, CLOSED, isSeeded ? 0 : 1);
    Atomics.store(this.#words, STALE_AT, staleAtSeconds);
  }

  refusal(wallMs: () => number): Refusal | undefined {
    if (Atomics.load(this.#words, CLOSED) !== 0) return new Refusal('deny_unseeded', null, 1);
    const staleAt = Atomics.load(this.#words, STALE_AT) >>> 0;
    if (staleAt === 0 || wallMs() < staleAt * 1000) return undefined;
    return new Refusal('deny_stale', null, 1);
  }
}
