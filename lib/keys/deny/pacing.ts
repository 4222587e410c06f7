/** Entries worked on between two turns of the event loop where there are many: about 5 ms. */
export const STEPS = 2000;

/** Whether the work is to be interrupted behind the entry of this number, counted from 0. */
export function isTurnDue(index: number): boolean {
  return index % STEPS === STEPS - 1;
}

/** Lets requests through. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
