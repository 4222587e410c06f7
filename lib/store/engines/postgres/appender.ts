import { createHash } from 'node:crypto';
import { type FactRow, readFactRow } from '../../fact-row.ts';
import type { Appended, CursorMark } from '../../ledger.ts';
import { ADD_TO_SUMS, ROLLUP_COLUMNS, rollupOf } from '../../sql/sums.ts';
import { POSTGRES } from './dialect.ts';
import type { Bound, Session } from './session.ts';

/** A column of what is sent: its name, its type, and where its values come from. */
type Column<T> = readonly [name: string, type: 'text' | 'bigint', of: (item: T) => string | number | null];

interface Given {
  readonly row: FactRow;
  readonly series: string;
  readonly text: string;
}

interface Aside {
  readonly reason: 'conflict' | 'invalid';
  readonly id: string;
  readonly text: string;
}

/** What a batch holds, before the store has said what it knows of it. */
interface Batch {
  /** The first of each id. */
  readonly first: ReadonlyMap<string, Given>;
  /** Further facts under an id of this batch. */
  readonly further: readonly Given[];
  readonly invalid: readonly Aside[];
  readonly ignored: number;
}

const SERIES: readonly Column<Given>[] = [
  ['name', 'text', ({ series }) => series],
  ['kind', 'text', ({ row }) => row.kind],
  ['subject', 'text', ({ row }) => row.subject],
  ['key_id', 'text', ({ row }) => row.keyId],
  ['provider', 'text', ({ row }) => row.provider],
  ['operation', 'text', ({ row }) => row.operation],
  ['model_requested', 'text', ({ row }) => row.modelRequested],
  ['model_served', 'text', ({ row }) => row.modelServed],
];

/** Columns of `facts` that are taken over as they are. */
const FACTS: readonly Column<Given>[] = [
  ['id', 'text', ({ row }) => row.id],
  ['time_ms', 'bigint', ({ row }) => row.timeMs],
  ['outcome', 'text', ({ row }) => row.outcome],
  ['usage_source', 'text', ({ row }) => row.usageSource],
  ['requests', 'bigint', ({ row }) => row.requests],
  ['input_tokens', 'bigint', ({ row }) => row.inputTokens],
  ['output_tokens', 'bigint', ({ row }) => row.outputTokens],
  ['cached_input_tokens', 'bigint', ({ row }) => row.cachedInputTokens],
  ['cache_write_tokens', 'bigint', ({ row }) => row.cacheWriteTokens],
  ['reasoning_tokens', 'bigint', ({ row }) => row.reasoningTokens],
  ['audio_tokens', 'bigint', ({ row }) => row.audioTokens],
  ['cost_nanos', 'bigint', ({ row }) => row.costNanos],
];

const ASIDE: readonly Column<Aside>[] = [
  ['reason', 'text', ({ reason }) => reason],
  ['id', 'text', ({ id }) => id],
  ['digest', 'text', ({ text }) => digestOf(text)],
  ['payload', 'text', ({ text }) => text],
];

const CURSORS: readonly Column<CursorMark>[] = [
  ['sink', 'text', ({ sink }) => sink],
  ['place', 'text', ({ place }) => place],
  ['position', 'bigint', ({ position }) => position],
];

function names<T>(columns: readonly Column<T>[]): string {
  return columns.map(([name]) => name).join(', ');
}

/** A table made of arrays, one a column. */
function table<T>(columns: readonly Column<T>[]): string {
  return `unnest(${columns.map(([, type]) => `?::${type}[]`).join(', ')}) AS given (${names(columns)})`;
}

function arrays<T>(columns: readonly Column<T>[], items: Iterable<T>): Bound[] {
  const all = [...items];
  return columns.map(([, , of]) => all.map(of));
}

/*
 * All that several gateways may write at once is written in one order: series,
 * facts, sums, what is kept aside, cursors, and in each of these by key. So none
 * waits for one that waits for it.
 */
const ADD_SERIES = `
INSERT INTO series (${names(SERIES)})
SELECT * FROM ${table(SERIES)} WHERE NOT EXISTS (SELECT FROM series s WHERE s.name = given.name)
ORDER BY given.name COLLATE "C" ON CONFLICT (name) DO NOTHING`;

const FACT_COLUMNS = names(FACTS);
/** Stands in no JSON text. An array of texts of this size, with every quote escaped, took most of a batch's time. */
const SEPARATOR = '\x1e';
/** Facts are numbered as they came; only those that are new are summed up, and named in the answer. */
const ADD_FACTS = `
WITH given AS MATERIALIZED (
  SELECT nextval('fact_numbers') AS number, given.* FROM unnest(
    string_to_array(?, chr(30)), ?::text[], ${FACTS.map(([, type]) => `?::${type}[]`).join(', ')}
  ) AS given (payload, series_name, ${FACT_COLUMNS})),
fact AS (
  INSERT INTO facts (number, series, payload, ${FACT_COLUMNS})
  SELECT given.number, s.id, given.payload, ${FACTS.map(([name]) => `given.${name}`).join(', ')}
  FROM given JOIN series s ON s.name = given.series_name
  ORDER BY given.id COLLATE "C" ON CONFLICT (id) DO NOTHING
  RETURNING series, ${FACT_COLUMNS}),
summed AS (
  INSERT INTO rollup (${ROLLUP_COLUMNS})
  SELECT * FROM (${rollupOf('fact', POSTGRES)}) AS sums ORDER BY span, day, series ${ADD_TO_SUMS})
SELECT id FROM fact`;

const SET_ASIDE = `
INSERT INTO aside (${names(ASIDE)}, seen_ms) SELECT given.*, ?::bigint FROM ${table(ASIDE)}
ORDER BY given.reason COLLATE "C", given.id COLLATE "C", given.digest COLLATE "C" ON CONFLICT DO NOTHING`;

const MOVE_CURSORS = `
INSERT INTO cursors (${names(CURSORS)}) SELECT * FROM ${table(CURSORS)}
ORDER BY given.sink COLLATE "C", given.place COLLATE "C"
ON CONFLICT (sink, place) DO UPDATE SET position = excluded.position`;

/** Appends facts and moves cursors within the transaction of a session. */
export async function append(
  session: Session,
  texts: readonly string[],
  marks: readonly CursorMark[],
  nowMs: number,
): Promise<Appended> {
  const { first, further, invalid, ignored } = read(texts);
  const isNew = await addFacts(session, first);
  const known = [...first.values()].filter(({ row }) => !isNew.has(row.id));
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

function read(texts: readonly string[]): Batch {
  const first = new Map<string, Given>();
  const further: Given[] = [];
  const invalid: Aside[] = [];
  let ignored = 0;
  for (const text of texts) {
    const row = readFactRow(text);
    if (row === null) ignored++;
    else if ('invalid' in row) invalid.push({ reason: 'invalid', id: row.id, text });
    else {
      const given = { row, series: seriesName(row), text };
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

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}

/** Ids of those that are new. */
async function addFacts(session: Session, facts: ReadonlyMap<string, Given>): Promise<ReadonlySet<string>> {
  if (facts.size === 0) return new Set();
  const given = [...facts.values()];
  const bySeries = new Map(given.map(fact => [fact.series, fact]));
  await session.rows(ADD_SERIES, arrays(SERIES, bySeries.values()));
  const rows = await session.rows(ADD_FACTS, [
    given.map(({ text }) => text).join(SEPARATOR),
    given.map(({ series }) => series),
    ...arrays(FACTS, given),
  ]);
  return new Set(rows.map(({ id }) => id as string));
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
  if (aside.length > 0) await session.rows(SET_ASIDE, [nowMs, ...arrays(ASIDE, aside)]);
}

async function moveCursors(session: Session, marks: readonly CursorMark[]): Promise<void> {
  // Of two marks of one place the later counts; one statement moves a row once.
  const last = new Map(marks.map(mark => [JSON.stringify([mark.sink, mark.place]), mark]));
  if (last.size > 0) await session.rows(MOVE_CURSORS, arrays(CURSORS, last.values()));
}
