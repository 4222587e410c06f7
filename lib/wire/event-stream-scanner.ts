import { crc32 } from 'node:zlib';
import { eventOfHeaders } from './event-stream-headers.ts';
import { HeldDocuments } from './held-documents.ts';
import { JsonScanner } from './json-scanner.ts';
import { PointerSet } from './pointer-set.ts';
import type { BodySink } from './sse-scanner.ts';

export const PRELUDE_BYTES = 12;
const CHECKSUM_BYTES = 4;
/** The least a message can be: prelude and checksum. */
const LEAST_BYTES = PRELUDE_BYTES + CHECKSUM_BYTES;
const MOST_BYTES = 16 * 1024 * 1024;
const MOST_HEADER_BYTES = 128 * 1024;
/** A `bytes` member holds a whole inner document, so it may be longer than a usage object. */
const INDIRECT_BYTES = 1024 * 1024;
const INDIRECT_EVENT = 'chunk';

const IN_PRELUDE = 0;
const IN_HEADERS = 1;
const IN_PAYLOAD = 2;
const IN_CHECKSUM = 3;
const BROKEN = 4;

/** Whether these 12 bytes are the prelude of a message: its own checksum is right. */
export function isPrelude(bytes: Buffer): boolean {
  return crc32(bytes.subarray(0, 8)) === bytes.readUInt32BE(8);
}

/**
 * Reads AWS event-stream messages (application/vnd.amazon.eventstream) in any
 * split. Payloads go straight to a JSON scanner; documents are given once the
 * message's checksum was right, and after a wrong one nothing is any more. A
 * `chunk` event carries another JSON text in base64 (`{"bytes":"…"}`): that is
 * a document too.
 */
export class EventStreamScanner {
  readonly #sink: BodySink;
  readonly #pointers: PointerSet;
  readonly #held: HeldDocuments;
  readonly #json: JsonScanner;
  #inner: JsonScanner | null = null;
  /** Of the message being read, in base64. */
  #indirect: string | null = null;
  #state = IN_PRELUDE;
  /** The part collected: prelude, headers or checksum. */
  #part: Buffer = Buffer.alloc(256);
  #partBytes = 0;
  #wantedBytes = PRELUDE_BYTES;
  #payloadBytes = 0;
  #checksum = 0;
  #event: string | null = null;

  constructor(pointers: PointerSet, sink: BodySink) {
    this.#sink = sink;
    this.#pointers = pointers;
    const width = pointers.pointers.length;
    const held = new HeldDocuments(width);
    this.#held = held;
    this.#json = new JsonScanner(
      new PointerSet([...pointers.pointers, '/bytes']),
      {
        document: values => {
          const bytes = values[width];
          this.#indirect = typeof bytes === 'string' ? bytes : null;
          held.document(values);
        },
      },
      { unrollRootArray: true, candidateBytes: INDIRECT_BYTES },
    );
  }

  write(chunk: Buffer, start = 0, end = chunk.length): void {
    let at = start;
    while (at < end && this.#state !== BROKEN) {
      at = this.#state === IN_PAYLOAD ? this.#payload(chunk, at, end) : this.#collect(chunk, at, end);
    }
  }

  /** The body is over: a message that is not complete is discarded. False if a checksum or length was wrong. */
  end(): boolean {
    this.#held.discard();
    return this.#state !== BROKEN;
  }

  #payload(chunk: Buffer, at: number, end: number): number {
    const stop = Math.min(end, at + this.#payloadBytes);
    this.#checksum = crc32(chunk.subarray(at, stop), this.#checksum);
    // A payload that is no JSON is lost for itself only.
    if (!this.#json.broken) this.#json.write(chunk, at, stop);
    this.#payloadBytes -= stop - at;
    if (this.#payloadBytes === 0) this.#collectNext(IN_CHECKSUM, CHECKSUM_BYTES);
    return stop;
  }

  #collect(chunk: Buffer, at: number, end: number): number {
    const stop = Math.min(end, at + this.#wantedBytes - this.#partBytes);
    chunk.copy(this.#part, this.#partBytes, at, stop);
    this.#partBytes += stop - at;
    if (this.#partBytes === this.#wantedBytes) this.#collected();
    return stop;
  }

  #collectNext(state: number, bytes: number): void {
    this.#state = state;
    this.#wantedBytes = bytes;
    this.#partBytes = 0;
    if (bytes > this.#part.length) this.#part = Buffer.allocUnsafeSlow(bytes);
  }

  #collected(): void {
    if (this.#state === IN_CHECKSUM) {
      if (this.#part.readUInt32BE(0) === this.#checksum) this.#messageEnds();
      else this.#break();
      return;
    }
    this.#checksum = crc32(this.#part.subarray(0, this.#wantedBytes), this.#checksum);
    if (this.#state === IN_HEADERS) {
      this.#headersEnd();
      return;
    }
    const totalBytes = this.#part.readUInt32BE(0);
    const headerBytes = this.#part.readUInt32BE(4);
    this.#payloadBytes = totalBytes - headerBytes - LEAST_BYTES;
    if (
      !isPrelude(this.#part) ||
      totalBytes > MOST_BYTES ||
      headerBytes > MOST_HEADER_BYTES ||
      this.#payloadBytes < 0
    ) {
      this.#break();
      return;
    }
    this.#collectNext(IN_HEADERS, headerBytes);
    if (headerBytes === 0) this.#headersEnd();
  }

  #headersEnd(): void {
    const event = eventOfHeaders(this.#part, this.#wantedBytes);
    if (event === undefined) {
      this.#break();
      return;
    }
    this.#event = event;
    if (this.#payloadBytes > 0) this.#state = IN_PAYLOAD;
    else this.#collectNext(IN_CHECKSUM, CHECKSUM_BYTES);
  }

  #messageEnds(): void {
    this.#json.endDocument();
    if (this.#json.broken) this.#json.reset();
    this.#held.release(this.#sink, this.#event);
    if (this.#indirect !== null && this.#event === INDIRECT_EVENT) this.#scanInner(this.#indirect);
    this.#indirect = null;
    this.#checksum = 0;
    this.#collectNext(IN_PRELUDE, PRELUDE_BYTES);
  }

  #scanInner(base64: string): void {
    const sink = this.#sink;
    this.#inner ??= new JsonScanner(
      this.#pointers,
      { document: values => sink.document(values, INDIRECT_EVENT) },
      { unrollRootArray: true },
    );
    this.#inner.write(Buffer.from(base64, 'base64'));
    this.#inner.endDocument();
    if (this.#inner.broken) this.#inner.reset();
  }

  #break(): void {
    this.#held.discard();
    this.#indirect = null;
    this.#state = BROKEN;
  }
}
