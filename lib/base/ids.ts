import { randomBytes } from 'node:crypto';

/**
 * Fact ids: `instance:boot:seq`. `boot` is 64 random bits in hex, so two
 * processes on a cloned disk image never share an id; `seq` counts from 1 over
 * all workers of a process, which share the buffer.
 */
export class IdSource {
  readonly instance: string;
  readonly boot: string;
  readonly #prefix: string;
  readonly #counter: BigUint64Array;

  constructor(instance: string, boot: string, counter: SharedArrayBuffer) {
    this.instance = instance;
    this.boot = boot;
    this.#prefix = `${instance}:${boot}:`;
    this.#counter = new BigUint64Array(counter);
  }

  static create(instance: string): IdSource {
    return new IdSource(instance, randomBytes(8).toString('hex'), new SharedArrayBuffer(8));
  }

  next(): string {
    return this.#prefix + (Atomics.add(this.#counter, 0, 1n) + 1n);
  }
}

/** A request id of our own: 16 random bytes would do, this one also sorts within a boot. */
export function requestIdFrom(factId: string): string {
  return `weir-${factId.slice(factId.indexOf(':') + 1).replace(':', '-')}`;
}
