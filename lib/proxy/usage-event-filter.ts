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
  /** Where in the held bytes the scan goes on, and where its line began: nothing is looked at twice. */
  #scannedTo = 0;
  #lineStart = 0;
  #passing = false;

  push(chunk: Buffer): readonly Buffer[] {
    if (this.#passing) return [chunk];
    const bytes = this.#held === null ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = null;
    let from = 0;
    for (let end = this.#eventEnd(bytes); end !== -1; end = this.#eventEnd(bytes)) {
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
    this.#scannedTo -= from;
    this.#lineStart -= from;
    return from === 0 ? NOTHING : [bytes.subarray(0, from)];
  }

  /**
   * The offset after the blank line that ends the event, or -1. A CR at the
   * very end may be half of CRLF, so it does not yet end a line.
   */
  #eventEnd(bytes: Buffer): number {
    let i = this.#scannedTo;
    for (; i < bytes.length; i++) {
      const byte = bytes[i];
      if (byte !== LF && byte !== CR) continue;
      if (byte === CR && i + 1 === bytes.length) break;
      const blank = i === this.#lineStart;
      if (byte === CR && bytes[i + 1] === LF) i++;
      this.#lineStart = i + 1;
      if (!blank) continue;
      this.#scannedTo = i + 1;
      return i + 1;
    }
    this.#scannedTo = i;
    return -1;
  }

  /** The stream is over: what is still held was not a whole event, so it passes, unless it is the usage event itself without its blank line. */
  end(): readonly Buffer[] {
    const held = this.#held;
    this.#held = null;
    if (held === null || isUsageEvent(held)) return NOTHING;
    return [held];
  }
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
