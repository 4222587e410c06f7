import type { Measure, Usage } from '../pipeline/index.ts';

/** No provider counts past this; a larger number is an error of the wire, not a usage. */
const MAX_COUNT = 2 ** 40;
/** USD; a larger price of one call is an error of the wire. */
const MAX_USD = 1e6;
/** Models and finish reasons are names. Anything longer could be content. */
const MAX_WORD_CHARS = 512;
const DECIMAL = /^(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/;

/** Whether a column holds anything: absent and null say the same. */
export function isStated(value: unknown): boolean {
  return value !== undefined && value !== null;
}

/** A count as the wire states it. What is no such number is dropped and marks the usage invalid. */
export function statedCount(value: unknown, usage: Usage): number | null {
  if (!isStated(value)) return null;
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= MAX_COUNT) {
    usage.stated = true;
    return value + 0;
  }
  usage.invalid = true;
  return null;
}

/** The count under the first of several names that has one. */
export function firstCount(
  values: readonly unknown[],
  columns: readonly number[],
  usage: Usage,
): number | null {
  for (const column of columns) {
    const count = statedCount(values[column], usage);
    if (count !== null) return count;
  }
  return null;
}

/** A name: non-empty and short, else null. */
export function statedWord(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && value.length <= MAX_WORD_CHARS ? value : null;
}

/**
 * `value × 10^power`, rounded half up. Computed from the shortest decimal text
 * of the number, which is what the wire said, so that 7.159e-05 USD is exactly
 * 71590 nanos. Null for what is negative or not finite.
 */
export function scaledInteger(value: number, power: number): number | null {
  const parts = DECIMAL.exec(String(value));
  if (parts === null) return null;
  const fraction = parts[2] ?? '';
  const digits = BigInt(parts[1]! + fraction);
  const exponent = Number(parts[3] ?? 0) - fraction.length + power;
  if (exponent >= 0) return Number(digits * 10n ** BigInt(exponent));
  const divisor = 10n ** BigInt(-exponent);
  return Number((digits * 2n + divisor) / (divisor * 2n));
}

/** A non-negative decimal number times `10^power`, at most `max` before scaling. */
export function statedScaled(value: unknown, power: number, max: number, usage: Usage): number | null {
  if (!isStated(value)) return null;
  const scaled =
    typeof value === 'number' && value >= 0 && value <= max ? scaledInteger(value + 0, power) : null;
  if (scaled === null) usage.invalid = true;
  else usage.stated = true;
  return scaled;
}

/** USD as stated, in nanos. Some wires put an object of details where others have the number. */
export function statedUsd(value: unknown, usage: Usage): number | null {
  return typeof value === 'object' ? null : statedScaled(value, 9, MAX_USD, usage);
}

/** Seconds as stated, in milliseconds. */
export function statedSeconds(value: unknown, usage: Usage): number | null {
  return statedScaled(value, 3, MAX_COUNT, usage);
}

/** Sets a measure, or takes it away where the last word does not have it. */
export function setMeasure(usage: Usage, measure: Measure, value: number | null): void {
  if (value !== null) usage.measures[measure] = value;
  else if (usage.measures[measure] !== undefined) delete usage.measures[measure];
}

/** The sum of what is known; null where nothing is. */
export function sumStated(a: number | null, b: number | null): number | null {
  return a === null ? b : b === null ? a : a + b;
}
