const COOL_MS = 30_000;
const COOL_MIN_MS = 1000;
const COOL_MAX_MS = 3_600_000;

/** Members in which providers name the kind of an error; its message may repeat what a client wrote. */
const REASON_MEMBERS: ReadonlySet<string> = new Set(['code', 'type', 'status', 'reason']);
const DEPTH_MAX = 8;

export function isRateLimit(status: number): boolean {
  return status === 429;
}

/** How long a `retry-after` asks for: seconds or a date (RFC 9110 §10.2.3), held within 1…3600 s, 30 s without one. */
export function retryAfterMs(value: string | null, nowWallMs: number): number {
  if (value === null) return COOL_MS;
  const text = value.trim();
  const askedMs = /^\d+(?:\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowWallMs;
  return Number.isNaN(askedMs) ? COOL_MS : Math.min(Math.max(askedMs, COOL_MIN_MS), COOL_MAX_MS);
}

/** Whether an error document names `reason` as its own kind, at any depth. */
export function statesReason(error: Buffer, reason: string): boolean {
  try {
    return isStated(JSON.parse(error.toString('utf8')), reason, 0);
  } catch {
    return false;
  }
}

function isStated(value: unknown, reason: string, depth: number): boolean {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return false;
  return Object.entries(value).some(
    ([name, member]) =>
      (member === reason && REASON_MEMBERS.has(name)) || isStated(member, reason, depth + 1),
  );
}
