import { brotliDecompressSync, gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib';
import { ByteCollector } from './byte-collector.ts';
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
 * An answer held whole until it may be judged: one with a content coding that
 * may repeat the pool key, which cannot be blotted out of compressed bytes in
 * passing; or one that may say that the pool key is no good.
 */
export class HeldAnswer {
  readonly status: number;
  readonly statusText: string | undefined;
  readonly head: ResponseHead;
  /** The head as it came. */
  readonly raw: readonly string[];
  /** It may speak against the pool key. */
  readonly isSuspect: boolean;
  readonly #collector = new ByteCollector();

  constructor(
    status: number,
    statusText: string | undefined,
    head: ResponseHead,
    raw: readonly string[],
    isSuspect: boolean,
  ) {
    this.status = status;
    this.statusText = statusText;
    this.head = head;
    this.raw = raw;
    this.isSuspect = isSuspect;
  }

  /** Whether more may come; false once it is too long to hold. */
  push(bytes: Buffer): boolean {
    this.#collector.push(bytes);
    return this.#collector.length <= HELD_BYTES;
  }

  /** The bytes as they came. */
  body(): Buffer {
    return this.#collector.collected();
  }

  /** The body without its coding, or null where it cannot be read. */
  plain(): Buffer | null {
    return this.head.coding === null ? this.body() : inflated(this.body(), this.head.coding);
  }

  /** The plain body of a coded answer without the secrets, or null where none is in it. */
  scrubbed(forms: readonly string[]): Buffer | null {
    const plain = this.head.coding === null ? null : this.plain();
    if (plain === null || !forms.some(form => plain.includes(form))) return null;
    const scrubber = new KeyScrubber(forms);
    return Buffer.concat([...scrubber.push(plain), ...scrubber.end()]);
  }
}
