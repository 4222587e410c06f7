import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { type FactRow, readFactRow } from '../../fact-row.ts';
import { held } from './session.ts';

/** A tag as the store knows it. */
export interface Tag {
  /** Tells it from all others. */
  readonly digest: string;
  readonly name: string;
  readonly value: string;
}

/** A fact that can be counted. */
export interface Given {
  readonly row: FactRow;
  /** What it is summed up with has the same. */
  readonly series: string;
  readonly tags: readonly Tag[];
  readonly text: string;
}

export interface Aside {
  readonly reason: 'conflict' | 'invalid';
  readonly id: string;
  readonly text: string;
}

/** What a batch holds, before the store has said what it knows of it. */
export interface Batch {
  /** The first of each id. */
  readonly first: ReadonlyMap<string, Given>;
  /** Further facts under an id of this batch. */
  readonly further: readonly Given[];
  readonly invalid: readonly Aside[];
  readonly ignored: number;
}

/** Somebody else's turn after so many texts: to read one takes some microseconds. */
const TURN_TEXTS = 100;

/** Reads texts a few at a time: this is the thread that relays. */
export async function readBatch(texts: readonly string[]): Promise<Batch> {
  const first = new Map<string, Given>();
  const further: Given[] = [];
  const invalid: Aside[] = [];
  let ignored = 0;
  for (const [i, text] of texts.entries()) {
    if (i % TURN_TEXTS === TURN_TEXTS - 1) await setImmediate();
    const row = readFactRow(text);
    if (row === null) ignored++;
    else if ('invalid' in row) invalid.push({ reason: 'invalid', id: row.id, text });
    else {
      const given = { row, series: seriesName(row), tags: tagsOf(row), text };
      if (first.has(row.id)) further.push(given);
      else first.set(row.id, given);
    }
  }
  return { first, further, invalid, ignored };
}

function seriesName(row: FactRow): string {
  const { kind, subject, keyId, provider, operation, modelRequested, modelServed } = row;
  return digestOf(JSON.stringify([kind, subject, keyId, provider, operation, modelRequested, modelServed]));
}

/** Told apart as they are kept: two that become one there are one. */
function tagsOf({ tags }: FactRow): readonly Tag[] {
  if (tags.length === 0) return [];
  const found = tags.map(pair => {
    const [name, value] = pair.map(word => held(word.toWellFormed())) as [string, string];
    return { digest: digestOf(JSON.stringify([name, value])), name, value };
  });
  return [...new Map(found.map(tag => [tag.digest, tag])).values()];
}

export function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
