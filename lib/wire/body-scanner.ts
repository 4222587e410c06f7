import { type BodyFraming, FramingSniffer, mediaType } from './body-framing.ts';
import { EventStreamScanner } from './event-stream-scanner.ts';
import { type Coding, Inflate } from './inflate.ts';
import { JsonScanner } from './json-scanner.ts';
import type { PointerSet } from './pointer-set.ts';
import { type BodySink, SseScanner } from './sse-scanner.ts';

/** 'gaveUp': what was read stands, but it is not all: see `BodyScanner`. */
export type BodyState = 'ok' | 'gaveUp';

export interface BodyScannerOptions {
  readonly pointers: PointerSet;
  readonly sink: BodySink;
  /** As the head of the message has them, null where it has none. */
  readonly contentType: string | null;
  readonly contentEncoding: string | null;
}

/** Types of bytes that are no text. All others are looked at. */
const OPAQUE_TYPE = /^(?:audio|image|video|font)\//;
const INDENT = Buffer.from(' ');

const CODINGS: ReadonlyMap<string, Coding | 'identity'> = new Map([
  ['', 'identity'],
  ['identity', 'identity'],
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['br', 'br'],
  ['zstd', 'zstd'],
  ['deflate', 'deflate'],
]);

/** One coding at most; null for one that is unknown here or a list. */
function codingOf(contentEncoding: string | null): Coding | 'identity' | null {
  return CODINGS.get((contentEncoding ?? '').trim().toLowerCase()) ?? null;
}

/** Whether such a body can be read at all: it may hold text, and has at most one coding, a known one. */
export function scannable(contentType: string | null, contentEncoding: string | null): boolean {
  return !OPAQUE_TYPE.test(mediaType(contentType)) && codingOf(contentEncoding) !== null;
}

interface Scanner {
  write(chunk: Buffer, start?: number): void;
  /** The body is over; false where it was not what it claimed to be. */
  end(): boolean;
}

/**
 * Reads a message body in any split, whatever its framing and coding, and gives
 * the values of its documents: the JSON of the whole body, of each text in it
 * (lines of JSON, elements of a root array), of each event. Keeps nothing but
 * wanted values, holds nothing back, never throws by itself.
 *
 * 'gaveUp' at the end means that the coding was unknown, the encoded data
 * corrupt or past its bounds, or an event stream broken; a body that is cut, or
 * that is no JSON at all, is 'ok'.
 */
export class BodyScanner {
  /** Called when more can be taken after `write` said false. */
  onDrain: (() => void) | null = null;
  readonly #options: BodyScannerOptions;
  readonly #sniffer: FramingSniffer;
  #framing: BodyFraming = 'unknown';
  #scanner: Scanner | null = null;
  #inflate: Inflate | null = null;
  #paused = false;
  /** Set once nothing more is to be read. */
  #state: BodyState | null = null;
  #done: ((state: BodyState) => void) | null = null;

  constructor(options: BodyScannerOptions) {
    this.#options = options;
    this.#sniffer = new FramingSniffer(options.contentType);
    const coding = codingOf(options.contentEncoding);
    if (coding === null) {
      this.#framing = 'none';
      this.#state = 'gaveUp';
    } else if (OPAQUE_TYPE.test(mediaType(options.contentType))) {
      this.#framing = 'none';
      this.#state = 'ok';
    } else if (coding !== 'identity') {
      this.#inflate = new Inflate(coding, {
        decoded: slice => this.#read(slice),
        drained: () => this.#resume(),
        finished: whole => this.#finish(whole),
      });
    }
  }

  get framing(): BodyFraming {
    return this.#framing;
  }

  /**
   * False asks the writer to pause until `onDrain`, only ever for an encoded
   * body, whose chunks must stay as they are until then.
   */
  write(chunk: Buffer): boolean {
    if (this.#state !== null) return true;
    if (this.#inflate === null) {
      this.#read(chunk);
      return true;
    }
    this.#paused = !this.#inflate.write(chunk);
    return !this.#paused;
  }

  /** The body is over, whole or cut. Calls `done` once: before it returns, unless the body is encoded. */
  end(done: (state: BodyState) => void): void {
    this.#done = done;
    if (this.#state !== null) this.#tell();
    else if (this.#inflate === null) this.#finish(true);
    else this.#inflate.end();
  }

  /** Lets go of everything; nothing is called any more. */
  destroy(): void {
    this.#inflate?.destroy();
    this.#state ??= 'gaveUp';
    this.#done = null;
    this.onDrain = null;
  }

  #read(chunk: Buffer): void {
    if (this.#scanner !== null) {
      this.#scanner.write(chunk);
      return;
    }
    const sniffer = this.#sniffer;
    const at = sniffer.sniff(chunk);
    this.#framing = sniffer.framing;
    if (sniffer.framing === 'unknown') return;
    this.#scanner = this.#open(sniffer.framing);
    if (this.#scanner === null) {
      this.#inflate?.destroy();
      this.#finish(true);
      return;
    }
    if (sniffer.framing === 'sse' && sniffer.indented) this.#scanner.write(INDENT);
    if (sniffer.headBytes <= at) {
      this.#scanner.write(chunk, at - sniffer.headBytes);
    } else {
      this.#scanner.write(sniffer.head.subarray(0, sniffer.headBytes));
      this.#scanner.write(chunk, at);
    }
  }

  #open(framing: BodyFraming): Scanner | null {
    const { pointers, sink } = this.#options;
    switch (framing) {
      case 'json':
        return new JsonBody(pointers, sink);
      case 'sse':
        return new SseScanner(pointers, sink);
      case 'eventStream':
        return new EventStreamScanner(pointers, sink);
      default:
        return null;
    }
  }

  #finish(whole: boolean): void {
    if (this.#state !== null) return;
    const sound = this.#scanner === null || this.#scanner.end();
    this.#state = whole && sound ? 'ok' : 'gaveUp';
    this.#resume();
    this.#tell();
  }

  #resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.onDrain?.();
  }

  #tell(): void {
    const done = this.#done;
    this.#done = null;
    if (done !== null) done(this.#state!);
  }
}

/** A body of JSON texts, one after another or as the elements of one array. */
class JsonBody implements Scanner {
  readonly #json: JsonScanner;

  constructor(pointers: PointerSet, sink: BodySink) {
    const document = (values: readonly unknown[]) => sink.document(values, null);
    this.#json = new JsonScanner(pointers, { document }, { unrollRootArray: true });
  }

  write(chunk: Buffer, start = 0): void {
    this.#json.write(chunk, start);
  }

  end(): boolean {
    this.#json.endDocument();
    return true;
  }
}
