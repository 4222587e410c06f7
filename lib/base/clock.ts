/** Time as the gateway sees it. Injected, so that a test can hold it still. */
export interface Clock {
  /** Unix time in milliseconds: for timestamps people read. May jump. */
  wallMs(): number;
  /** Milliseconds from an arbitrary start, never going back: for durations and deadlines. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
