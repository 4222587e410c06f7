import type { Migration } from './index.ts';

/**
 * Facts refer to a series: what they have in common with others and are summed
 * up by. `rollup` holds the sums of each series over a day and over a month (of
 * the fact's own time, in UTC); `day` is the first day of that span, counted
 * from 1970. `aside` holds what could not be taken for a fact.
 */
export const facts: Migration = {
  number: 1,
  sql: `
CREATE TABLE series (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL,
  subject TEXT,
  key_id TEXT,
  provider TEXT,
  operation TEXT,
  model_requested TEXT,
  model_served TEXT
) STRICT;

CREATE TABLE facts (
  number INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  time_ms INTEGER NOT NULL,
  series INTEGER NOT NULL REFERENCES series (id),
  outcome TEXT NOT NULL,
  usage_source TEXT NOT NULL,
  requests INTEGER NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  audio_tokens INTEGER,
  cost_nanos INTEGER,
  payload TEXT NOT NULL
) STRICT;
CREATE INDEX facts_by_time ON facts (time_ms);
CREATE INDEX facts_by_series ON facts (series, time_ms);
CREATE TRIGGER facts_stay BEFORE UPDATE ON facts BEGIN SELECT RAISE(ABORT, 'a fact is never changed'); END;
CREATE TRIGGER facts_last BEFORE DELETE ON facts BEGIN SELECT RAISE(ABORT, 'a fact is never removed'); END;

CREATE TABLE rollup (
  span TEXT NOT NULL CHECK (span IN ('day', 'month')),
  day INTEGER NOT NULL,
  series INTEGER NOT NULL REFERENCES series (id),
  requests INTEGER NOT NULL,
  refused INTEGER NOT NULL,
  failed INTEGER NOT NULL,
  aborted INTEGER NOT NULL,
  lost INTEGER NOT NULL,
  unmetered INTEGER NOT NULL,
  estimated INTEGER NOT NULL,
  unpriced INTEGER NOT NULL,
  input_tokens INTEGER,
  output_tokens INTEGER,
  cached_input_tokens INTEGER,
  cache_write_tokens INTEGER,
  reasoning_tokens INTEGER,
  audio_tokens INTEGER,
  cost_nanos INTEGER,
  PRIMARY KEY (span, day, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE aside (
  reason TEXT NOT NULL,
  id TEXT NOT NULL,
  payload TEXT NOT NULL,
  seen_ms INTEGER NOT NULL,
  PRIMARY KEY (reason, id, payload)
) STRICT, WITHOUT ROWID;

CREATE TABLE cursors (
  sink TEXT NOT NULL,
  place TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (sink, place)
) STRICT, WITHOUT ROWID;
`,
};
