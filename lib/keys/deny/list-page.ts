import { DENY_SOURCES, type DenySource } from './deny-book.ts';
import type { DenySet, HeldEntry } from './deny-set.ts';
import type { DenyKind } from './entry.ts';
import { kvKey } from './kv-spelling.ts';
import { isTurnDue, turn } from './pacing.ts';
import { isOver } from './terms.ts';

export interface PageQuery {
  readonly kind: DenyKind | null;
  readonly source: DenySource | null;
  /** 1…1000. */
  readonly limit: number;
  /** What an earlier page gave as `next`. */
  readonly after: string | null;
}

export interface Page {
  readonly entries: readonly HeldEntry[];
  /** Null where this page is the last. */
  readonly next: string | null;
}

interface Candidate {
  readonly place: string;
  readonly entry: HeldEntry;
}

/**
 * Entries in the order of their places: kind, id, source. An entry that is
 * there all the time is on exactly one page, whatever else comes and goes.
 */
export async function listPage(set: DenySet, query: PageQuery, nowMs: number): Promise<Page> {
  const { kind, source, limit, after } = query;
  const found = new Smallest(limit + 1);
  for (const book of set.books) {
    if (source !== null && book.source !== source) continue;
    for (let row = 0; row < book.top; row++) {
      if (isTurnDue(row)) await turn();
      const held = book.at(row);
      if (held === null || (kind !== null && held.kind !== kind) || isOver(held.terms, nowMs)) continue;
      const place = placeOf(held.kind, held.id, book.source);
      if (after === null || place > after) found.offer({ place, entry: { ...held, book } });
    }
  }
  const page = found.items.slice(0, limit);
  return {
    entries: page.map(({ entry }) => entry),
    next: found.items.length > limit ? page.at(-1)!.place : null,
  };
}

function placeOf(kind: DenyKind, id: string, source: DenySource): string {
  return `${kvKey(kind, id)}.${DENY_SOURCES.indexOf(source)}`;
}

/** The smallest of many, in order. */
class Smallest {
  readonly items: Candidate[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  offer(candidate: Candidate): void {
    const { items } = this;
    if (items.length === this.#limit && candidate.place >= items.at(-1)!.place) return;
    let low = 0;
    let high = items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (items[middle]!.place < candidate.place) low = middle + 1;
      else high = middle;
    }
    items.splice(low, 0, candidate);
    if (items.length > this.#limit) items.pop();
  }
}
