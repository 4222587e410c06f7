import { BACKSLASH, LINE_FEED, QUOTE, STRING_STOP } from './json-bytes.ts';

/** A search (memchr) beats the byte loop only where it skips about this much. */
const SEARCH_AFTER_BYTES = 24;

/**
 * Passes over the inside of JSON strings, in any split. Where one is long it is
 * searched for its quote instead of being read byte by byte.
 */
export class JsonStringRun {
  /** The last byte of the part before is a backslash that escapes what comes. */
  #escape = false;
  /** The next line feed of this part, where it was searched for. */
  #lineFeedAt = -1;

  /** Another part of the text begins: what was found in the one before is void. */
  part(): void {
    this.#lineFeedAt = -1;
  }

  reset(): void {
    this.#escape = false;
  }

  /** The index of the closing quote, or of a line feed, which no string may hold, or `end` where there is neither. */
  stop(chunk: Buffer, at: number, end: number): number {
    if (this.#escape) {
      if (chunk[at] === LINE_FEED) return at;
      this.#escape = false;
      at++;
    }
    let searchAt = at + SEARCH_AFTER_BYTES;
    while (at < end) {
      if (at >= searchAt) {
        const found = this.#search(chunk, at, end);
        if (found >= 0) return found;
        at = -found;
      } else if (STRING_STOP[chunk[at]!] === 0) {
        at++;
        continue;
      } else if (chunk[at] !== BACKSLASH) {
        return at;
      } else if (at + 1 === end) {
        this.#escape = true;
        return end;
      } else if (chunk[at + 1] === LINE_FEED) {
        return at + 1;
      } else {
        at += 2;
      }
      searchAt = at + SEARCH_AFTER_BYTES;
    }
    return end;
  }

  /** As `stop`; where the quote found is escaped, the negative of the index after it. */
  #search(chunk: Buffer, at: number, end: number): number {
    const quoteAt = chunk.indexOf(QUOTE, at);
    const stop = quoteAt === -1 || quoteAt > end ? end : quoteAt;
    if (this.#lineFeedAt < at) {
      const lineFeedAt = chunk.indexOf(LINE_FEED, at);
      this.#lineFeedAt = lineFeedAt === -1 ? chunk.length : lineFeedAt;
    }
    if (this.#lineFeedAt < stop) return this.#lineFeedAt;
    let slashes = 0;
    while (stop - slashes > at && chunk[stop - slashes - 1] === BACKSLASH) slashes++;
    if (slashes % 2 === 0) return stop;
    if (stop < end) return -(stop + 1);
    this.#escape = true;
    return end;
  }
}
