import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import type { Secret } from '../base/index.ts';
import { KeyScrubber } from './key-scrubber.ts';
import type { ResponseHead } from './response-head.ts';

/** A longer error passes as it comes (CONTRACT §2). */
const HELD_BYTES = 64 * 1024;
/** What an error of that size may inflate to before it counts as unreadable. */
const INFLATED_BYTES = 1024 * 1024;

type Inflate = (body: Buffer, options: { maxOutputLength: number }) => Buffer;

const DECODERS: ReadonlyMap<string, readonly Inflate[]> = new Map([
  ['gzip', [gunzipSync]],
  ['x-gzip', [gunzipSync]],
  ['br', [brotliDecompressSync]],
  ['zstd', [zstdDecompressSync]],
  // RFC 9110 §8.4.1.2: wrapped by the book, raw in some servers.
  ['deflate', [inflateSync, inflateRawSync]],
]);

function inflated(body: Buffer, coding: string): Buffer | null {
  for (const inflate of DECODERS.get(coding.trim().toLowerCase()) ?? []) {
    try {
      return inflate(body, { maxOutputLength: INFLATED_BYTES });
    } catch {
      // Not this form, damaged, or too large to look into.
    }
  }
  return null;
}

/**
 * An error with a content coding, held whole until it is known that it does not
 * repeat the pool key: a key inside compressed bytes cannot be blotted out in
 * passing. One that does is sent without its coding.
 */
export class EncodedError {
  readonly status: number;
  readonly statusText: string | undefined;
  readonly head: ResponseHead;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(status: number, statusText: string | undefined, head: ResponseHead) {
    this.status = status;
    this.statusText = statusText;
    this.head = head;
  }

  /** Whether more may come; false once it is too long to hold. */
  push(bytes: Buffer): boolean {
    this.#chunks.push(bytes);
    this.#bytes += bytes.length;
    return this.#bytes <= HELD_BYTES;
  }

  /** The bytes as they came. */
  body(): Buffer {
    return Buffer.concat(this.#chunks, this.#bytes);
  }

  /** The plain body without the key, or null where the key is not in it. */
  scrubbed(key: Secret): Buffer | null {
    const plain = inflated(this.body(), this.head.coding ?? '');
    if (plain === null || !plain.includes(key.reveal())) return null;
    const scrubber = new KeyScrubber(key);
    return Buffer.concat([...scrubber.push(plain), ...scrubber.end()]);
  }
}
