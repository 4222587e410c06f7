/** Units of sizes: IEC are powers of 1024, SI powers of 1000. */
const BYTES: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['kB', 1e3],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['TB', 1e12],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
]);

const MILLISECONDS: ReadonlyMap<string, number> = new Map([
  ['ms', 1],
  ['s', 1000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

const UNITS = { bytes: BYTES, duration: MILLISECONDS };
const QUANTITY = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]{1,3})$/;

/** What a number with a unit measures: bytes, or a duration in milliseconds. */
export type QuantityKind = keyof typeof UNITS;

export const QUANTITY_EXAMPLES: Readonly<Record<QuantityKind, string>> = {
  bytes: 'a size such as 32MiB or 500kB',
  duration: 'a duration such as 500ms, 30s or 5m',
};

/**
 * Reads `32MiB` as bytes or `500ms` as milliseconds; a whole number is one
 * already. Null when it is neither, or no whole and safe number comes out.
 */
export function parseQuantity(kind: QuantityKind, value: unknown): number | null {
  if (typeof value === 'number') return isCount(value) ? value : null;
  const match = typeof value === 'string' ? QUANTITY.exec(value) : null;
  const factor = UNITS[kind].get(match?.[2] ?? '');
  if (match === null || factor === undefined) return null;
  const amount = Number(match[1]) * factor;
  // 0.1 has no exact double, so a fraction may miss its whole number by an ulp.
  const whole = Math.round(amount);
  return isCount(whole) && Math.abs(whole - amount) <= whole * Number.EPSILON * 4 ? whole : null;
}

/** The same quantity with the unit spelled right (`32mb` → `32MB`), or null. */
export function respellQuantity(kind: QuantityKind, value: unknown): string | null {
  const match = typeof value === 'string' ? QUANTITY.exec(value) : null;
  if (match === null) return null;
  const unit = match[2]!;
  for (const name of UNITS[kind].keys()) {
    if (name !== unit && name.toLowerCase() === unit.toLowerCase()) return `${match[1]}${name}`;
  }
  return null;
}

/** A number in the largest unit that divides it, for messages. */
export function formatQuantity(kind: QuantityKind, amount: number): string {
  const usual: readonly string[] =
    kind === 'bytes' ? ['TiB', 'GiB', 'MiB', 'KiB'] : ['d', 'h', 'm', 's', 'ms'];
  for (const name of usual) {
    const factor = UNITS[kind].get(name)!;
    if (amount >= factor && amount % factor === 0) return `${amount / factor}${name}`;
  }
  return kind === 'bytes' ? `${amount} bytes` : `${amount}ms`;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}
