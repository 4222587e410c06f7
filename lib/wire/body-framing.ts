import { isPrelude, PRELUDE_BYTES } from './event-stream-scanner.ts';
import { OPEN_BRACE, OPEN_BRACKET, SPACE } from './json-bytes.ts';

/** How a body is laid out; 'none' is a body that nothing can be read from. */
export type BodyFraming = 'unknown' | 'json' | 'sse' | 'eventStream' | 'none';

const EVENT_STREAM_TYPE = 'application/vnd.amazon.eventstream';
const SSE_TYPE = 'text/event-stream';
const BOM = [0xef, 0xbb, 0xbf];
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
/** What a line of server-sent events begins with, where no type says that it is one. */
const SSE_LINE = /^(?::|(?:data|event|id|retry)[:\r\n])/;
const SSE_FIELDS = ['data:', 'event:', 'id:', 'retry:'];

/** A media type without its parameters, in lower case. */
export function mediaType(contentType: string | null): string {
  return (contentType ?? '').split(';', 1)[0]!.trim().toLowerCase();
}

/**
 * Tells the framing of a body by its first significant bytes; the declared type
 * decides only where they do not. Types lie: JSON comes as octets, lines of JSON
 * as JSON, and a stream's error as JSON under the stream's type.
 */
export class FramingSniffer {
  /** 'unknown' until enough was seen. */
  framing: BodyFraming = 'unknown';
  /** Significant bytes already taken off the body: the scanner must be given these first. */
  readonly head = Buffer.alloc(PRELUDE_BYTES);
  headBytes = 0;
  /** They follow white space on their line. */
  indented = false;
  readonly #type: string;
  #bomBytes = 0;

  constructor(contentType: string | null) {
    this.#type = mediaType(contentType);
  }

  /** Looks at more of the body; the index in `chunk` from which it was not taken. */
  sniff(chunk: Buffer): number {
    for (let at = 0; at < chunk.length; at++) {
      const byte = chunk[at]!;
      if (this.headBytes === 0 && this.#skips(byte)) continue;
      this.head[this.headBytes++] = byte;
      this.framing = this.#judge();
      if (this.framing !== 'unknown') return at + 1;
    }
    return chunk.length;
  }

  /** A byte order mark at the very start, and white space. */
  #skips(byte: number): boolean {
    if (byte === BOM[this.#bomBytes]) {
      this.#bomBytes++;
      return true;
    }
    if (SPACE[byte] === 0) return false;
    this.#bomBytes = BOM.length;
    this.indented = byte !== LINE_FEED && byte !== CARRIAGE_RETURN;
    return true;
  }

  #judge(): BodyFraming {
    const first = this.head[0];
    if (first === OPEN_BRACE || first === OPEN_BRACKET) return 'json';
    if (this.#type === EVENT_STREAM_TYPE) return 'eventStream';
    if (this.#type === SSE_TYPE) return 'sse';
    if (first === 0) {
      if (this.headBytes < PRELUDE_BYTES) return 'unknown';
      return isPrelude(this.head) ? 'eventStream' : 'none';
    }
    if (this.indented) return 'none';
    const line = this.head.toString('latin1', 0, this.headBytes);
    if (SSE_LINE.test(line)) return 'sse';
    return SSE_FIELDS.some(field => field.startsWith(line)) ? 'unknown' : 'none';
  }
}
