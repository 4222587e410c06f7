import type { PointerSet } from './pointer-set.ts';

export interface BodySink {
  document(values: readonly unknown[], event: string | null): void;
  text(data: string): void;
}

export type BodyState = 'ok' | 'gaveUp';

export type BodyFraming = 'unknown' | 'json' | 'sse' | 'eventStream' | 'none';

export interface BodyScannerOptions {
  readonly pointers: PointerSet;
  readonly sink: BodySink;
  readonly contentType: string | null;
  readonly contentEncoding: string | null;
}

export class BodyScanner {
  onDrain: (() => void) | null = null;
  framing: BodyFraming = 'unknown';

  constructor(_options: BodyScannerOptions) {}

  write(_chunk: Buffer): boolean {
    return true;
  }

  end(done: (state: BodyState) => void): void {
    done('ok');
  }
}

/** Whether such a body can be read at all: its media type may hold text, and it has at most one known coding. */
export function scannable(contentType: string | null, contentEncoding: string | null): boolean {
  if (contentType !== null && /^\s*(?:audio|image|video|font)\//i.test(contentType)) return false;
  return contentEncoding === null || /^\s*(?:identity|(?:x-)?gzip|br|zstd|deflate)?\s*$/i.test(contentEncoding);
}
