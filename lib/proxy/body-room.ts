import type { Lease } from '../pipeline/index.ts';

/** How many bytes of large bodies may be held whole at a time, by all exchanges together. */
export class BodyRoom {
  readonly bytesMax: number;
  #held = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  /** False, and nothing is taken, where there is no room for as many more. */
  take(bytes: number): boolean {
    if (this.#held + bytes > this.bytesMax) return false;
    this.#held += bytes;
    return true;
  }

  giveBack(bytes: number): void {
    this.#held -= bytes;
  }
}

/** What one exchange has of that room, until it is over. Grows as bytes arrive: a declared length holds nothing. */
export class BodyHold implements Lease {
  readonly #room: BodyRoom;
  #bytes = 0;
  #isOver = false;

  constructor(room: BodyRoom) {
    this.#room = room;
  }

  /** False where there is no room for a body that long. What still comes when the exchange is over is soon dropped, and takes none. */
  grow(bytes: number): boolean {
    if (this.#isOver) return true;
    if (!this.#room.take(bytes - this.#bytes)) return false;
    this.#bytes = bytes;
    return true;
  }

  end(): void {
    this.#isOver = true;
    this.#room.giveBack(this.#bytes);
  }
}
