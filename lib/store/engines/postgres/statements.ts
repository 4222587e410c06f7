import type { CursorMark } from '../../ledger.ts';
import {
  addToSums,
  addToTagSums,
  ROLLUP_COLUMNS,
  rollupOf,
  TAG_ROLLUP_COLUMNS,
  tagRollupOfRows,
} from '../../sql/sums.ts';
import { type Aside, digestOf, type Given, type Tag } from './batch.ts';
import { POSTGRES } from './dialect.ts';
import type { Bound } from './session.ts';

/** A column of what is sent: its name, its type, and where its values come from. */
type Column<T> = readonly [name: string, type: 'text' | 'bigint', of: (item: T) => string | number | null];

/** When a key was used last. */
export type Use = readonly [jti: string, usedMs: number];

/** A fact and the ids of its tags, as PostgreSQL spells a list; null where it has none. */
export interface Tagged extends Given {
  readonly tagIds: string | null;
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

const TAGS: readonly Column<Tag>[] = [
  ['digest', 'text', ({ digest }) => digest],
  ['name', 'text', ({ name }) => name],
  ['value', 'text', ({ value }) => value],
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
  ['attempts', 'bigint', ({ row }) => row.attempts],
  ['charged_tokens', 'bigint', ({ row }) => row.chargedTokens],
  ['charged_nanos', 'bigint', ({ row }) => row.chargedNanos],
];

const ASIDE: readonly Column<Aside>[] = [
  ['reason', 'text', ({ reason }) => reason],
  ['id', 'text', ({ id }) => id],
  ['digest', 'text', ({ text }) => digestOf(text)],
  ['payload', 'text', ({ text }) => text],
];

const USES: readonly Column<Use>[] = [
  ['jti', 'text', ([jti]) => jti],
  ['used_ms', 'bigint', ([, usedMs]) => usedMs],
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
 * tags, facts, sums, uses of keys, what is kept aside, cursors, and in each of
 * these by key. So none waits for one that waits for it.
 */
export const ADD_SERIES = `
INSERT INTO series (${names(SERIES)})
SELECT * FROM ${table(SERIES)} WHERE NOT EXISTS (SELECT FROM series s WHERE s.name = given.name)
ORDER BY given.name COLLATE "C" ON CONFLICT (name) DO NOTHING`;

export function seriesValues(facts: Iterable<Given>): Bound[] {
  return arrays(SERIES, facts);
}

export const ADD_TAGS = `
INSERT INTO tags (${names(TAGS)})
SELECT * FROM ${table(TAGS)} WHERE NOT EXISTS (SELECT FROM tags t WHERE t.digest = given.digest)
ORDER BY given.digest COLLATE "C" ON CONFLICT (digest) DO NOTHING`;

export function tagValues(tags: Iterable<Tag>): Bound[] {
  return arrays(TAGS, tags);
}

const FACT_COLUMNS = names(FACTS);
/** Stands in no JSON text. An array of texts of this size, with every quote escaped, took most of a batch's time. */
const SEPARATOR = '\x1e';
const SUM_UP_TAGS = `,
tagged AS (SELECT fact.*, own.tag FROM fact, unnest(fact.tag_ids) AS own (tag)),
tags_summed AS (
  INSERT INTO tag_rollup (${TAG_ROLLUP_COLUMNS})
  SELECT * FROM (${tagRollupOfRows('tagged', POSTGRES)}) AS sums ORDER BY tag, span, day, series ${addToTagSums(POSTGRES)})`;

/** Facts are numbered as they came; only those that are new are summed up, and named in the answer. */
export function addFactsSql(facts: readonly Tagged[]): string {
  const isTagged = facts.some(({ tagIds }) => tagIds !== null);
  return `
WITH given AS MATERIALIZED (
  SELECT nextval('fact_numbers') AS number, given.* FROM unnest(
    string_to_array(?, chr(30)), ?::text[], ?::text[], ${FACTS.map(([, type]) => `?::${type}[]`).join(', ')}
  ) AS given (payload, series_name, tag_ids, ${FACT_COLUMNS})),
fact AS (
  INSERT INTO facts (number, series, payload, tag_ids, ${FACT_COLUMNS})
  SELECT given.number, s.id, given.payload, given.tag_ids::bigint[], ${FACTS.map(([name]) => `given.${name}`).join(', ')}
  FROM given JOIN series s ON s.name = given.series_name
  ORDER BY given.id COLLATE "C" ON CONFLICT (id) DO NOTHING
  RETURNING series, tag_ids, ${FACT_COLUMNS}),
summed AS (
  INSERT INTO rollup (${ROLLUP_COLUMNS})
  SELECT * FROM (${rollupOf('fact', POSTGRES)}) AS sums ORDER BY span, day, series ${addToSums(POSTGRES)})${isTagged ? SUM_UP_TAGS : ''}
SELECT id FROM fact`;
}

export function factValues(facts: readonly Tagged[]): Bound[] {
  return [
    facts.map(({ text }) => text).join(SEPARATOR),
    facts.map(({ series }) => series),
    facts.map(({ tagIds }) => tagIds),
    ...arrays(FACTS, facts),
  ];
}

/** Never back: facts come late and in any order, and a row that another gateway moved is looked at again once it is locked. */
export const USE_KEYS = `
WITH used AS MATERIALIZED (
  SELECT k.jti, latest.used_ms FROM keys k JOIN (
    SELECT jti, max(used_ms) AS used_ms FROM ${table(USES)} GROUP BY jti) AS latest ON latest.jti = k.jti
  WHERE k.last_used_ms IS NULL OR k.last_used_ms < latest.used_ms
  ORDER BY k.jti FOR NO KEY UPDATE OF k)
UPDATE keys SET last_used_ms = used.used_ms FROM used WHERE keys.jti = used.jti`;

export function useValues(uses: Iterable<Use>): Bound[] {
  return arrays(USES, uses);
}

export const SET_ASIDE = `
INSERT INTO aside (${names(ASIDE)}, seen_ms) SELECT given.*, ?::bigint FROM ${table(ASIDE)}
ORDER BY given.reason COLLATE "C", given.id COLLATE "C", given.digest COLLATE "C" ON CONFLICT DO NOTHING`;

export function asideValues(nowMs: number, aside: readonly Aside[]): Bound[] {
  return [nowMs, ...arrays(ASIDE, aside)];
}

export const MOVE_CURSORS = `
INSERT INTO cursors (${names(CURSORS)}) SELECT * FROM ${table(CURSORS)}
ORDER BY given.sink COLLATE "C", given.place COLLATE "C"
ON CONFLICT (sink, place) DO UPDATE SET position = excluded.position`;

export function cursorValues(marks: Iterable<CursorMark>): Bound[] {
  return arrays(CURSORS, marks);
}
