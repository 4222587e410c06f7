import { Secret } from '../../base/index.ts';

/** Whether two settings say the same, secrets included. */
export function sameSettings(a: unknown, b: unknown): boolean {
  if (a instanceof Secret || b instanceof Secret)
    return a instanceof Secret && b instanceof Secret && a.reveal() === b.reveal();
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  const left = Object.entries(a);
  return (
    left.length === Object.keys(b).length &&
    left.every(([name, value]) => sameSettings(value, (b as Record<string, unknown>)[name]))
  );
}
