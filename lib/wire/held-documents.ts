import type { JsonSink } from './json-scanner.ts';

/** More than one document in an event is rare; so many are a fault or an attack. */
const MOST_HELD = 16;

/**
 * Documents of an event that is not over: its name may still come, or its
 * checksum be wrong. At most 16 are held, later ones are dropped.
 */
export class HeldDocuments implements JsonSink {
  readonly #held: unknown[][] = [];
  readonly #width: number;
  #count = 0;

  /** `width`: how many values of each document are kept, from the first. */
  constructor(width: number) {
    this.#width = width;
  }

  get count(): number {
    return this.#count;
  }

  document(values: readonly unknown[]): void {
    if (this.#count === MOST_HELD) return;
    let held = this.#held[this.#count];
    if (held === undefined) {
      held = new Array<unknown>(this.#width).fill(undefined);
      this.#held[this.#count] = held;
    }
    for (let i = 0; i < this.#width; i++) held[i] = values[i];
    this.#count++;
  }

  /** Hands all of them on under the event's name. */
  release(
    to: { document(values: readonly unknown[], event: string | null): void },
    event: string | null,
  ): void {
    const count = this.#count;
    this.#count = 0;
    for (let i = 0; i < count; i++) to.document(this.#held[i]!, event);
  }

  discard(): void {
    this.#count = 0;
  }
}
