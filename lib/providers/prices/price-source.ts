import { readFile, stat } from 'node:fs/promises';
import { isIP } from 'node:net';
import { MAX_PRICE_FILE_BYTES } from './price-file.ts';

/** What a source gave: a text, that it is the one known already, or why there is none. */
export type SourceReading =
  | { readonly kind: 'text'; readonly text: string; readonly validator: string | null }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Where a list of prices is read, again and again. Never rejects. */
export interface PriceSource {
  /** For people: a path, or an address without its query. */
  readonly name: string;
  /** `validator` is that of the text known already, null where there is none. */
  read(validator: string | null, signal: AbortSignal): Promise<SourceReading>;
}

/** Fetches a text; lent by the house. */
export type FetchText = (
  url: URL,
  options: {
    readonly etag: string | null;
    readonly bytesMax: number;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
) => Promise<
  | { readonly kind: 'text'; readonly text: string; readonly etag: string | null }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly reason: string }
>;

const FETCH_MS = 60_000;
const ADDRESS = /^https?:\/\//i;
/** Addresses of the machine itself and of private networks (RFC 1918, RFC 4193, RFC 6890). */
const PRIVATE = /^(?:127\.|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|169\.254\.|::1$|f[cd])/i;

/** Whether a setting names an address and not a file. */
export function isPriceAddress(setting: string): boolean {
  return ADDRESS.test(setting);
}

/** What is wrong with an address of prices, or null. */
export function priceAddressFault(setting: string): string | null {
  const url = URL.parse(setting);
  if (url === null) return 'expected a path, or an address such as https://example.com/prices.json';
  if (url.username !== '' || url.password !== '') return 'an address with a password is not taken';
  if (url.protocol === 'https:' || isOwnNetwork(url.hostname.replace(/^\[|\]$/g, ''))) return null;
  return 'prices make bills: over plain http they are read from this machine or a private address only';
}

function isOwnNetwork(host: string): boolean {
  return host === 'localhost' || (isIP(host) > 0 && PRIVATE.test(host));
}

/** A list at an address. */
export function addressSource(setting: string, fetchText: FetchText): PriceSource {
  const url = new URL(setting);
  return {
    name: url.origin + url.pathname,
    read: async (etag, signal) => {
      const fetched = await fetchText(url, {
        etag,
        bytesMax: MAX_PRICE_FILE_BYTES,
        timeoutMs: FETCH_MS,
        signal,
      });
      return fetched.kind === 'text'
        ? { kind: 'text', text: fetched.text, validator: fetched.etag }
        : fetched;
    },
  };
}

/** A list in a file; its validator is when it was last changed. */
export function fileSource(path: string): PriceSource {
  return {
    name: path,
    read: async validator => {
      try {
        const { size, mtimeMs, ino } = await stat(path);
        const current = `${ino}:${size}:${mtimeMs}`;
        if (current === validator) return { kind: 'unchanged' };
        if (size > MAX_PRICE_FILE_BYTES) return { kind: 'failed', reason: 'is larger than 32 MiB' };
        return { kind: 'text', text: await readFile(path, 'utf8'), validator: current };
      } catch (error) {
        return { kind: 'failed', reason: `cannot be read (${(error as NodeJS.ErrnoException).code})` };
      }
    },
  };
}
