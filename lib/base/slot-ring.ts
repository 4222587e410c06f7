/** Places for slots: those of a window, the next one, and two for threads that are late. A power of two. */
export const RING = 16;
export const RING_BYTES = RING * 4;

/** How long a thread waits for another that is zeroing the slot both need. Zeroing takes about 0.1 ms. */
const ZEROING_MS = 100;

/** Which slot each place of a ring holds, for all threads that share it: nobody takes a half-zeroed place for a slot. */
export class SlotRing {
  /** By place: 0 unused, n + 1 holds slot n, -(n + 1) is being zeroed for slot n. */
  readonly #holds: Int32Array;
  readonly #zero: (place: number) => void;

  /** @param zero makes a place that was in use empty. */
  constructor(buffer: SharedArrayBuffer, zero: (place: number) => void) {
    this.#holds = new Int32Array(buffer, 0, RING);
    this.#zero = zero;
  }

  has(slot: number): boolean {
    return Atomics.load(this.#holds, slot % RING) === slot + 1;
  }

  /** Makes a slot ready to be counted in, and the next one ahead of time, so that nobody waits when it begins. */
  enter(slot: number): boolean {
    if (!this.has(slot) && !this.hold(slot, true)) return false;
    if (!this.has(slot + 1)) this.hold(slot + 1, false);
    return true;
  }

  /**
   * Gives a slot its place, zeroed. One thread does it, the others wait for it
   * if they are to. False where the place has gone to a later slot, or whoever
   * was zeroing it has died over it: then that slot counts nothing.
   */
  hold(slot: number, waits: boolean): boolean {
    const place = slot % RING;
    const held = slot + 1;
    for (;;) {
      const seen = Atomics.load(this.#holds, place);
      if (seen === held) return true;
      if (Math.abs(seen) > held) return false;
      if (seen === -held) {
        if (!waits || Atomics.wait(this.#holds, place, seen, ZEROING_MS) === 'timed-out') return false;
      } else if (Atomics.compareExchange(this.#holds, place, seen, -held) === seen) {
        if (seen !== 0) this.#zero(place);
        if (Atomics.compareExchange(this.#holds, place, -held, held) !== -held) return false;
        Atomics.notify(this.#holds, place);
        return true;
      }
    }
  }
}
