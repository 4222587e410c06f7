import type { Clock } from './clock.ts';

/** Whole slots in a window. The slot under way counts besides, so no span of a window's length is ever left out. */
export const WINDOW_SLOTS = 12;

/** Words of the shared state. */
const CURRENT = 0;
const HELD_MS = 1;

/** Float64s before the words. */
const BASE_MS = 0;
const FIRST_UNIX_SLOT = 1;

const STATE_BYTES = 24;

/**
 * Numbers the slots of sliding windows: 0 from its creation on, one more every
 * `slotMs`. Slots begin where slots of Unix time begin, which names them for
 * other instances; what moves them on is the monotonic clock alone. So a jump
 * of the wall clock neither empties a window nor freezes it: it only changes
 * the names, once `reanchor` has seen it.
 *
 * Threads share the slots by sharing the state. Their clocks must then read one
 * and the same monotonic time.
 */
export class SlotClock {
  readonly slotMs: number;
  readonly state: SharedArrayBuffer;
  readonly #clock: Clock;
  readonly #baseMs: number;
  readonly #words: Int32Array;
  #unixShift: number;
  #reanchorFrom = 0;

  /** @param state another thread's, or absent: counting begins. */
  constructor(clock: Clock, windowMs: number, state?: SharedArrayBuffer) {
    this.slotMs = windowMs / WINDOW_SLOTS;
    this.#clock = clock;
    this.state = state ?? begin(clock, this.slotMs);
    const fixed = new Float64Array(this.state, 0, 2);
    this.#baseMs = fixed[BASE_MS]!;
    this.#unixShift = fixed[FIRST_UNIX_SLOT]!;
    this.#words = new Int32Array(this.state, 16);
  }

  /** Milliseconds since slot 0 began. */
  #nowMs(): number {
    return this.#clock.monotonicMs() + this.#baseMs - Atomics.load(this.#words, HELD_MS);
  }

  /** The slot under way. Never goes back, in no thread. */
  slot(): number {
    const due = Math.floor(this.#nowMs() / this.slotMs);
    let seen = Atomics.load(this.#words, CURRENT);
    while (seen < due) {
      const held = Atomics.compareExchange(this.#words, CURRENT, seen, due);
      if (held === seen) return due;
      seen = held;
    }
    return seen;
  }

  /** The slot that some thread has last found under way: time is not looked at. */
  get reached(): number {
    return Atomics.load(this.#words, CURRENT);
  }

  /** Milliseconds until a slot has left the window, 0 or less when it has. */
  leavesInMs(slot: number): number {
    return (slot + WINDOW_SLOTS + 1) * this.slotMs - this.#nowMs();
  }

  unixOf(slot: number): number {
    return slot + this.#unixShift;
  }

  slotOf(unixSlot: number): number {
    return unixSlot - this.#unixShift;
  }

  /**
   * Names slots by the wall clock anew where it is more than one slot away from
   * them, at most once a window. The slot under way then lasts until the next
   * one of Unix time begins: longer, never shorter. For the one thread that
   * uses names. Returns true when names have changed.
   */
  reanchor(): boolean {
    const slot = this.slot();
    const nowMs = this.#nowMs();
    const aheadMs = this.#clock.wallMs() - (nowMs + this.#unixShift * this.slotMs);
    if (Math.abs(aheadMs) <= this.slotMs || slot < this.#reanchorFrom) return false;
    const slots = Math.ceil(aheadMs / this.slotMs);
    Atomics.add(this.#words, HELD_MS, Math.round(slots * this.slotMs - aheadMs));
    this.#unixShift += slots;
    this.#reanchorFrom = slot + WINDOW_SLOTS;
    return true;
  }
}

function begin(clock: Clock, slotMs: number): SharedArrayBuffer {
  const state = new SharedArrayBuffer(STATE_BYTES);
  const fixed = new Float64Array(state, 0, 2);
  const wallMs = clock.wallMs();
  const unixSlot = Math.floor(wallMs / slotMs);
  fixed[FIRST_UNIX_SLOT] = unixSlot;
  fixed[BASE_MS] = wallMs - unixSlot * slotMs - clock.monotonicMs();
  return state;
}
