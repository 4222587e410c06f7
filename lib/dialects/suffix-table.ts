import type { Endpoint } from '../pipeline/index.ts';

/** A row and how many segments of the path it takes, counted from the end. */
export interface SuffixMatch {
  readonly row: Endpoint;
  readonly length: number;
}

/**
 * Rows by method and the last one or two path segments: providers put the same
 * API under different base paths, so only the end of a path tells what it is.
 */
export class SuffixTable {
  readonly #rows: ReadonlyMap<string, SuffixMatch>;

  /** Each entry is a method, a suffix of one or two segments, and its row. */
  constructor(entries: readonly (readonly [method: string, suffix: string, row: Endpoint])[]) {
    this.#rows = new Map(
      entries.map(([method, suffix, row]) => [
        `${method} ${suffix}`,
        { row, length: suffix.split('/').length },
      ]),
    );
  }

  /** Two segments win over one. */
  find(method: string, segments: readonly string[]): SuffixMatch | null {
    const last = segments.at(-1);
    if (last === undefined) return null;
    const before = segments.at(-2);
    const two = before === undefined ? undefined : this.#rows.get(`${method} ${before}/${last}`);
    return two ?? this.#rows.get(`${method} ${last}`) ?? null;
  }
}

/** The position of `word` among the last `within` segments, the leftmost one, or -1. */
export function positionFromEnd(segments: readonly string[], word: string, within: number): number {
  for (let i = Math.max(0, segments.length - within); i < segments.length; i++)
    if (segments[i] === word) return i;
  return -1;
}

/** GET and HEAD ask for the same thing. */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
