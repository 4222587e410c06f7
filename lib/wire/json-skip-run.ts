import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SKIP_CLOSE,
  SKIP_OPEN,
  SKIP_STOP,
} from './json-bytes.ts';

/** As in strings: from here on searching is quicker. */
const SEARCH_AFTER_BYTES = 64;
/** A search is not bounded by the end of the part, so there must be something to gain. */
const SEARCH_LEFT_BYTES = 512;
const STOPS = [QUOTE, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET];

/** Passes over the inside of a container by counting brackets, whatever the depth. Strings are left to the caller. */
export class JsonSkipRun {
  #depth = 0;
  /** Where each of `STOPS` comes next in this part, as far as it was searched for. */
  readonly #stopAt = new Float64Array(STOPS.length);
  #searched = true;

  /** The container's opening bracket was just read. */
  open(): void {
    this.#depth = 1;
  }

  part(): void {
    if (!this.#searched) return;
    this.#searched = false;
    this.#stopAt.fill(-1);
  }

  /** The index of the bracket that closes the container, or of a quote, or `end` where there is neither. */
  stop(chunk: Buffer, at: number, end: number): number {
    let depth = this.#depth;
    let searchAt = at + SEARCH_AFTER_BYTES;
    while (at < end) {
      const kind = SKIP_STOP[chunk[at]!];
      if (kind === 0) {
        if (++at >= searchAt && end - at >= SEARCH_LEFT_BYTES) at = this.#search(chunk, at, end);
        continue;
      }
      if (kind === SKIP_OPEN) depth++;
      else if (kind !== SKIP_CLOSE || --depth === 0) break;
      at++;
      searchAt = at + SEARCH_AFTER_BYTES;
    }
    this.#depth = depth;
    return at;
  }

  #search(chunk: Buffer, at: number, end: number): number {
    this.#searched = true;
    let next = end;
    for (let k = 0; k < STOPS.length; k++) {
      let stopAt = this.#stopAt[k]!;
      if (stopAt < at) {
        const found = chunk.indexOf(STOPS[k]!, at);
        stopAt = found === -1 ? chunk.length : found;
        this.#stopAt[k] = stopAt;
      }
      if (stopAt < next) next = stopAt;
    }
    return next;
  }
}
