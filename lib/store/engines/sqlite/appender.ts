import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { type FactRow, keyUsedBy, readFactRow } from '../../fact-row.ts';
import type { Appended, CursorMark } from '../../ledger.ts';
import {
  addToSums,
  addToTagSums,
  ROLLUP_COLUMNS,
  rollupOfFact,
  TAG_ROLLUP_COLUMNS,
  tagRollupOfFact,
} from '../../sql/sums.ts';
import { SQLITE } from './dialect.ts';

/** Ids of series, and of tags, that are kept at hand. */
const KEPT_MAX = 10_000;

const ADD_FACT = `
INSERT INTO facts (id, time_ms, series, outcome, usage_source, requests, input_tokens, output_tokens,
  cached_input_tokens, cache_write_tokens, reasoning_tokens, audio_tokens, cost_nanos, attempts,
  charged_tokens, charged_nanos, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`;
/** Adds the fact of one `number` to the sums of its day and its month. */
const ADD_TO_ROLLUP = `
WITH fact AS (SELECT * FROM facts WHERE number = ?)
INSERT INTO rollup (${ROLLUP_COLUMNS}) ${rollupOfFact(SQLITE)} WHERE true ${addToSums(SQLITE)}`;
/** The same for one of its tags: the fact's number, then the tag's, twice. */
const ADD_TO_TAG_ROLLUP = `
WITH fact AS (SELECT * FROM facts WHERE number = ?)
INSERT INTO tag_rollup (${TAG_ROLLUP_COLUMNS}) ${tagRollupOfFact(SQLITE)} WHERE true ${addToTagSums(SQLITE)}`;
const ADD_SERIES = `
INSERT INTO series (name, kind, subject, key_id, provider, operation, model_requested, model_served)
VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
const MOVE_CURSOR = `
INSERT INTO cursors (sink, place, position) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET position = excluded.position`;
/** Never back: facts come late and in any order. */
const USE_KEY = `
UPDATE keys SET last_used_ms = ?2 WHERE jti = ?1 AND (last_used_ms IS NULL OR last_used_ms < ?2)`;

type Fate = keyof Appended;

/** Appends facts within a transaction of the caller's. */
export class Appender {
  readonly #addFact: StatementSync;
  readonly #payloadOf: StatementSync;
  readonly #addToRollup: StatementSync;
  readonly #addToTagRollup: StatementSync;
  readonly #tagOf: StatementSync;
  readonly #addTag: StatementSync;
  readonly #seriesOf: StatementSync;
  readonly #addSeries: StatementSync;
  readonly #setAside: StatementSync;
  readonly #moveCursor: StatementSync;
  readonly #useKey: StatementSync;
  /** By name. Only what a committed transaction or this one has seen: a failed one ends this object. */
  readonly #series = new Map<string, number | bigint>();
  /** When each signed key was last used, of the facts of one call. */
  readonly #uses = new Map<string, number>();
  /** By name and value. */
  readonly #tags = new Map<string, number | bigint>();

  constructor(connection: DatabaseSync) {
    this.#addFact = connection.prepare(ADD_FACT);
    this.#payloadOf = connection.prepare('SELECT payload FROM facts WHERE id = ?');
    this.#addToRollup = connection.prepare(ADD_TO_ROLLUP);
    this.#addToTagRollup = connection.prepare(ADD_TO_TAG_ROLLUP);
    this.#tagOf = connection.prepare('SELECT id FROM tags WHERE name = ? AND value = ?');
    this.#addTag = connection.prepare('INSERT INTO tags (name, value) VALUES (?, ?)');
    this.#seriesOf = connection.prepare('SELECT id FROM series WHERE name = ?');
    this.#addSeries = connection.prepare(ADD_SERIES);
    this.#setAside = connection.prepare(
      'INSERT OR IGNORE INTO aside (reason, id, payload, seen_ms) VALUES (?, ?, ?, ?)',
    );
    this.#moveCursor = connection.prepare(MOVE_CURSOR);
    this.#useKey = connection.prepare(USE_KEY);
  }

  append(texts: readonly string[], marks: readonly CursorMark[], nowMs: number): Appended {
    const fates: Record<Fate, number> = { added: 0, duplicates: 0, conflicts: 0, invalid: 0, ignored: 0 };
    for (const text of texts) fates[this.#take(text, nowMs)]++;
    for (const [jti, usedMs] of this.#uses) this.#useKey.run(jti, usedMs);
    this.#uses.clear();
    for (const { sink, place, position } of marks) this.#moveCursor.run(sink, place, position);
    return fates;
  }

  #take(text: string, nowMs: number): Fate {
    const row = readFactRow(text);
    if (row === null) return 'ignored';
    if ('invalid' in row) {
      this.#setAside.run('invalid', row.id, text, nowMs);
      return 'invalid';
    }
    if (this.#add(row, text)) return 'added';
    if (this.#payloadOf.get(row.id)!.payload === text) return 'duplicates';
    this.#setAside.run('conflict', row.id, text, nowMs);
    return 'conflicts';
  }

  #add(row: FactRow, text: string): boolean {
    const added = this.#addFact.run(
      row.id,
      row.timeMs,
      this.#seriesId(row),
      row.outcome,
      row.usageSource,
      row.requests,
      row.inputTokens,
      row.outputTokens,
      row.cachedInputTokens,
      row.cacheWriteTokens,
      row.reasoningTokens,
      row.audioTokens,
      row.costNanos,
      row.attempts,
      row.chargedTokens,
      row.chargedNanos,
      text,
    );
    if (added.changes === 0) return false;
    this.#addToRollup.run(added.lastInsertRowid);
    this.#noteUse(row);
    for (const [name, value] of row.tags) {
      const tag = this.#tagId(name, value);
      this.#addToTagRollup.run(added.lastInsertRowid, tag, tag);
    }
    return true;
  }

  #noteUse(row: FactRow): void {
    const key = keyUsedBy(row);
    if (key !== null && row.timeMs > (this.#uses.get(key) ?? -1)) this.#uses.set(key, row.timeMs);
  }

  #seriesId(row: FactRow): number | bigint {
    const { kind, subject, keyId, provider, operation, modelRequested, modelServed } = row;
    const words = [kind, subject, keyId, provider, operation, modelRequested, modelServed];
    const name = JSON.stringify(words);
    const known = this.#series.get(name);
    if (known !== undefined) return known;
    const stored = this.#seriesOf.get(name)?.id;
    const id =
      stored === undefined
        ? this.#addSeries.run(name, ...words).lastInsertRowid
        : (stored as number | bigint);
    if (this.#series.size === KEPT_MAX) this.#series.clear();
    this.#series.set(name, id);
    return id;
  }

  #tagId(name: string, value: string): number | bigint {
    const tag = JSON.stringify([name, value]);
    const known = this.#tags.get(tag);
    if (known !== undefined) return known;
    const stored = this.#tagOf.get(name, value)?.id;
    const id =
      stored === undefined ? this.#addTag.run(name, value).lastInsertRowid : (stored as number | bigint);
    if (this.#tags.size === KEPT_MAX) this.#tags.clear();
    this.#tags.set(tag, id);
    return id;
  }
}
