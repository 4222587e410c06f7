import {
  type BrotliDecompress,
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createZstdDecompress,
  type Gunzip,
  type InflateRaw,
  type Inflate as InflateStream,
  type ZstdDecompress,
} from 'node:zlib';

/** A content coding that can be undone. */
export type Coding = 'gzip' | 'br' | 'zstd' | 'deflate';

type Decoder = Gunzip | InflateStream | InflateRaw | BrotliDecompress | ZstdDecompress;

const SLICE_BYTES = 64 * 1024;
/** Encoded bytes that may wait before the writer is asked to pause. */
const WAITING_BYTES = 256 * 1024;
const MOST_OUTPUT_BYTES = 256 * 1024 * 1024;
/** From this much output on, the ratio is looked at. */
const RATIO_FROM_BYTES = 8 * 1024 * 1024;
const MOST_RATIO = 100;

export interface InflateSink {
  /** Decoded bytes, in order. An exception ends the decoding: nobody else could catch it. */
  decoded(slice: Buffer): void;
  /** More can be taken after `write` said false. */
  drained(): void;
  /** Nothing more comes. `whole` is false where decoding was given up or the data corrupt; truncated data is whole as far as it goes. Called once. */
  finished(whole: boolean): void;
}

/**
 * Undoes one content coding off the event loop, in slices of 64 KiB, within
 * bounds: 256 MiB of output, and a ratio of 100:1 once 8 MiB came out (a few
 * hundred bytes can hold gigabytes; node's own `maxOutputLength` does not bind
 * streams). Never throws.
 */
export class Inflate {
  readonly #coding: Coding;
  readonly #sink: InflateSink;
  #decoder: Decoder | null = null;
  /** The first byte of a deflate body, while the second is to come: the two tell its form. */
  #first: Buffer | null = null;
  #inputBytes = 0;
  #outputBytes = 0;
  #finished = false;

  constructor(coding: Coding, sink: InflateSink) {
    this.#coding = coding;
    this.#sink = sink;
  }

  /** False asks for a pause until `drained`. The chunk is read later: it must stay as it is. */
  write(chunk: Buffer): boolean {
    if (this.#finished || chunk.length === 0) return true;
    this.#inputBytes += chunk.length;
    if (this.#decoder === null) {
      if (this.#first !== null) {
        chunk = Buffer.concat([this.#first, chunk]);
        this.#first = null;
      }
      if (this.#coding === 'deflate' && chunk.length === 1) {
        this.#first = Buffer.from(chunk);
        return true;
      }
      this.#decoder = this.#open(chunk);
    }
    return this.#decoder.write(chunk);
  }

  /** No more input. */
  end(): void {
    if (this.#finished) return;
    if (this.#decoder === null) this.#finish(true);
    else this.#decoder.end();
  }

  /** Lets go of everything at once; `finished` is not called any more. */
  destroy(): void {
    this.#finished = true;
    this.#decoder?.destroy();
    this.#decoder = null;
  }

  #open(head: Buffer): Decoder {
    const decoder = createDecoder(this.#coding, head);
    decoder.on('data', (slice: Buffer) => this.#decoded(slice));
    decoder.on('drain', () => {
      if (!this.#finished) this.#sink.drained();
    });
    decoder.on('end', () => this.#finish(true));
    // Stays for good: a destroyed decoder may still report.
    decoder.on('error', () => this.#finish(false));
    return decoder;
  }

  #decoded(slice: Buffer): void {
    if (this.#finished) return;
    this.#outputBytes += slice.length;
    try {
      this.#sink.decoded(slice);
    } catch {
      this.#finish(false);
      return;
    }
    const bomb =
      this.#outputBytes > MOST_OUTPUT_BYTES ||
      (this.#outputBytes > RATIO_FROM_BYTES && this.#outputBytes > this.#inputBytes * MOST_RATIO);
    if (bomb) this.#finish(false);
  }

  #finish(whole: boolean): void {
    if (this.#finished) return;
    this.destroy();
    this.#sink.finished(whole);
  }
}

function createDecoder(coding: Coding, head: Buffer): Decoder {
  const bounds = { chunkSize: SLICE_BYTES, writableHighWaterMark: WAITING_BYTES };
  // Flushing at the end instead of finishing: what a truncated body holds stands.
  const zlib = { ...bounds, finishFlush: constants.Z_SYNC_FLUSH };
  switch (coding) {
    case 'gzip':
      return createGunzip(zlib);
    case 'br':
      return createBrotliDecompress({ ...bounds, finishFlush: constants.BROTLI_OPERATION_FLUSH });
    case 'zstd':
      return createZstdDecompress({ ...bounds, finishFlush: constants.ZSTD_e_flush });
    case 'deflate':
      return isZlibHeader(head) ? createInflate(zlib) : createInflateRaw(zlib);
  }
}

/** `deflate` means zlib (RFC 1950), yet some servers send the bare form (RFC 1951). */
function isZlibHeader(head: Buffer): boolean {
  return (head[0]! & 0x0f) === 8 && head.readUInt16BE(0) % 31 === 0;
}
