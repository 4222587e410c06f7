/**
 * Work of one kind goes on side by side, and waits for all work of another kind
 * that came before it.
 */
export class Turns<K extends string> {
  #kind: K | null = null;
  /** All work of the kinds before this one. */
  #before: Promise<unknown> = Promise.resolve();
  /** All work that came so far. */
  #all: Promise<unknown> = Promise.resolve();

  /** @param work never rejects. */
  take<T>(kind: K, work: () => Promise<T>): Promise<T> {
    if (kind !== this.#kind) {
      this.#kind = kind;
      this.#before = this.#all;
    }
    const done = this.#before.then(work);
    this.#all = Promise.all([this.#all, done]);
    return done;
  }
}
