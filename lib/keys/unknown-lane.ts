/** Unknown credentials that are looked at in one turn of the event loop. */
const PER_TURN = 4;

/**
 * Lets requests with unknown credentials wait behind those whose key is known:
 * a few go in each turn of the event loop, so that a flood of forged keys that
 * arrives in one read does not stand before everybody else's requests.
 */
export class UnknownLane {
  readonly #waiting: (() => void)[] = [];
  #isMoving = false;

  /** Resolves with what `look` gives, in its turn. */
  enter<T>(look: () => T | Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => {
        try {
          resolve(look());
        } catch (error) {
          reject(error);
        }
      });
      if (this.#isMoving) return;
      this.#isMoving = true;
      setImmediate(() => this.#move());
    });
  }

  #move(): void {
    for (const go of this.#waiting.splice(0, PER_TURN)) go();
    this.#isMoving = this.#waiting.length > 0;
    if (this.#isMoving) setImmediate(() => this.#move());
  }
}
