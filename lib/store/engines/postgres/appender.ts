import { keyUsedBy } from '../../fact-row.ts';
import type { Appended, CursorMark } from '../../ledger.ts';
import type { Aside, Batch, Given } from './batch.ts';
import type { Session } from './session.ts';
import {
  ADD_SERIES,
  ADD_TAGS,
  addFactsSql,
  asideValues,
  cursorValues,
  factValues,
  MOVE_CURSORS,
  SET_ASIDE,
  seriesValues,
  type Tagged,
  tagValues,
  USE_KEYS,
  useValues,
} from './statements.ts';

/** Appends a batch and moves cursors within the transaction of a session. */
export async function append(
  session: Session,
  batch: Batch,
  marks: readonly CursorMark[],
  nowMs: number,
): Promise<Appended> {
  const { first, further, invalid, ignored } = batch;
  const given = [...first.values()];
  const isNew = await addFacts(session, given);
  const known = given.filter(({ row }) => !isNew.has(row.id));
  await useKeys(
    session,
    given.filter(({ row }) => isNew.has(row.id)),
  );
  const stored = await textsOf(session, known);
  const conflicts = [...known, ...further].filter(
    ({ row, text }) => text !== (stored.get(row.id) ?? first.get(row.id)!.text),
  );
  await setAside(session, [...conflicts.map(asConflict), ...invalid], nowMs);
  await moveCursors(session, marks);
  return {
    added: isNew.size,
    duplicates: known.length + further.length - conflicts.length,
    conflicts: conflicts.length,
    invalid: invalid.length,
    ignored,
  };
}

/** Ids of those that are new. */
async function addFacts(session: Session, facts: readonly Given[]): Promise<ReadonlySet<string>> {
  if (facts.length === 0) return new Set();
  const bySeries = new Map(facts.map(fact => [fact.series, fact]));
  await session.rows(ADD_SERIES, seriesValues(bySeries.values()));
  const tagged = await withTagIds(session, facts);
  const rows = await session.rows(addFactsSql(tagged), factValues(tagged));
  return new Set(rows.map(({ id }) => id as string));
}

async function withTagIds(session: Session, facts: readonly Given[]): Promise<readonly Tagged[]> {
  const tags = new Map(facts.flatMap(fact => fact.tags).map(tag => [tag.digest, tag]));
  if (tags.size === 0) return facts.map(fact => ({ ...fact, tagIds: null }));
  await session.rows(ADD_TAGS, tagValues(tags.values()));
  const rows = await session.rows('SELECT digest, id FROM tags WHERE digest = ANY(?::text[])', [
    [...tags.keys()],
  ]);
  const ids = new Map(rows.map(({ digest, id }) => [digest, id]));
  return facts.map(fact => {
    const own = fact.tags.map(({ digest }) => ids.get(digest));
    return { ...fact, tagIds: own.length === 0 ? null : `{${own.join(',')}}` };
  });
}

/** Moves the last use of keys forward, each once a batch. */
async function useKeys(session: Session, facts: readonly Given[]): Promise<void> {
  const uses = new Map<string, number>();
  for (const { row } of facts) {
    const key = keyUsedBy(row);
    if (key !== null) uses.set(key, Math.max(row.timeMs, uses.get(key) ?? 0));
  }
  if (uses.size > 0) await session.rows(USE_KEYS, useValues(uses));
}

/** The texts that the store has under the ids of these facts. */
async function textsOf(session: Session, facts: readonly Given[]): Promise<ReadonlyMap<string, string>> {
  if (facts.length === 0) return new Map();
  const ids = facts.map(({ row }) => row.id);
  const rows = await session.rows('SELECT id, payload FROM facts WHERE id = ANY(?::text[])', [ids]);
  return new Map(rows.map(({ id, payload }) => [id as string, payload as string]));
}

function asConflict({ row, text }: Given): Aside {
  return { reason: 'conflict', id: row.id, text };
}

async function setAside(session: Session, aside: readonly Aside[], nowMs: number): Promise<void> {
  if (aside.length > 0) await session.rows(SET_ASIDE, asideValues(nowMs, aside));
}

async function moveCursors(session: Session, marks: readonly CursorMark[]): Promise<void> {
  // Of two marks of one place the later counts; one statement moves a row once.
  const last = new Map(marks.map(mark => [JSON.stringify([mark.sink, mark.place]), mark]));
  if (last.size > 0) await session.rows(MOVE_CURSORS, cursorValues(last.values()));
}
