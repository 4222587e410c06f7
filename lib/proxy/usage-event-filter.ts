import { type BodyFilter, NOTHING } from './body-filter.ts';

/** At most this much of one unfinished event is held; past it everything passes (CONTRACT §6). */
const HELD_BYTES = 64 * 1024;

const LF = 0x0a;
const CR = 0x0d;

/**
 * Takes exactly one event out of an SSE stream: the usage event that was asked
 * for on a client's behalf, the first whose JSON has `choices: []` and an object
 * `usage`. Whole events pass as the very bytes that came; only an unfinished
 * event at the end of a read is held until its end arrives.
 */
export class UsageEventFilter implements BodyFilter {
  #held: Buffer | null = null;
  #passing = false;

  push(chunk: Buffer): readonly Buffer[] {
    if (this.#passing) return [chunk];
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    let from = 0;
    for (let end = eventEnd(bytes, 0); end !== -1; end = eventEnd(bytes, from)) {
      if (isUsageEvent(bytes.subarray(from, end))) {
        this.#passing = true;
        return [bytes.subarray(0, from), bytes.subarray(end)].filter(part => part.length > 0);
      }
      from = end;
    }
    return this.#hold(bytes, from);
  }

  #hold(bytes: Buffer, from: number): readonly Buffer[] {
    if (bytes.length - from > HELD_BYTES) {
      this.#passing = true;
      return [bytes];
    }
    if (from < bytes.length) this.#held = bytes.subarray(from);
    return from === 0 ? NOTHING : [bytes.subarray(0, from)];
  }

  /** The stream is over: what is still held was not a whole event, so it passes, unless it is the usage event itself without its blank line. */
  end(): readonly Buffer[] {
    const held = this.#held;
    this.#held = null;
    if (held === null || isUsageEvent(held)) return NOTHING;
    return [held];
  }
}

/**
 * The offset after the blank line that ends the event beginning at `from`, or
 * -1. A CR at the very end may be half of CRLF, so it does not yet end a line.
 */
function eventEnd(bytes: Buffer, from: number): number {
  let lineStart = from;
  for (let i = from; i < bytes.length; i++) {
    const byte = bytes[i];
    if (byte !== LF && byte !== CR) continue;
    if (byte === CR && i + 1 === bytes.length) return -1;
    const blank = i === lineStart;
    if (byte === CR && bytes[i + 1] === LF) i++;
    if (blank) return i + 1;
    lineStart = i + 1;
  }
  return -1;
}

function isUsageEvent(event: Buffer): boolean {
  // Nearly every event fails here, without being decoded.
  if (!event.includes('"usage"') || !event.includes('"choices"')) return false;
  const data = event
    .toString('utf8')
    .split(/\r\n|\n|\r/)
    .filter(line => line.startsWith('data:'))
    .map(line => line.slice(line.charCodeAt(5) === 0x20 ? 6 : 5))
    .join('\n');
  try {
    const { choices, usage } = JSON.parse(data) as { choices?: unknown; usage?: unknown };
    const isObject = typeof usage === 'object' && usage !== null && !Array.isArray(usage);
    return Array.isArray(choices) && choices.length === 0 && isObject;
  } catch {
    return false;
  }
}
