const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const SPAN = /^([1-9]\d{0,5})([smhdw])$/;
const RFC_3339 =
  /^(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01]))T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d{1,9})?(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)$/i;

export const MOMENT_WORDS = 'a span such as 30d (s, m, h, d, w) or a time such as 2030-01-31T12:00:00Z';

/** An RFC 3339 time in UTC, or null where the text is none: a day that does not exist is none. */
export function parseInstant(text: string): string | null {
  const day = RFC_3339.exec(text)?.[1];
  if (day === undefined || !new Date(`${day}T00:00:00Z`).toISOString().startsWith(day)) return null;
  return new Date(text.toUpperCase()).toISOString();
}

/** A span such as `30d` in milliseconds, or null where the text is none. */
export function parseSpan(text: string): number | null {
  const [, count, unit] = SPAN.exec(text) ?? [];
  return count === undefined ? null : Number(count) * UNIT_MS[unit!]!;
}

/** A span counted from `nowMs`, or a time, as RFC 3339 in UTC; null where the text is neither. */
export function parseMoment(text: string, nowMs: number): string | null {
  const spanMs = parseSpan(text);
  if (spanMs === null) return parseInstant(text);
  const atMs = nowMs + spanMs;
  // A year of five digits is no RFC 3339 time.
  return atMs < 253_402_300_800_000 ? new Date(atMs).toISOString() : null;
}
