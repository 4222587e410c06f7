import type { Migration } from './index.ts';

/**
 * The tables that SQLite has, but for:
 * - texts are compared by their bytes (`COLLATE "C"`), whatever the database's language is;
 * - sums are `numeric`: no fact can make one overflow;
 * - what is unique and of any length is so by its SHA-256 (`series.name`,
 *   `aside.digest`): an index takes 2.7 kB at most;
 * - `rollup` keeps room in its pages: its rows change again and again, and one
 *   that finds room in its page is not indexed anew;
 * - `facts.series` is no foreign key, since its check would lock rows that all
 *   gateways use; rows of `series` cannot be removed instead.
 */
export const facts: Migration = {
  number: 1,
  sql: `
CREATE TABLE series (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE,
  kind text COLLATE "C" NOT NULL,
  subject text COLLATE "C",
  key_id text COLLATE "C",
  provider text COLLATE "C",
  operation text COLLATE "C",
  model_requested text COLLATE "C",
  model_served text COLLATE "C"
);

CREATE SEQUENCE fact_numbers;
CREATE TABLE facts (
  number bigint PRIMARY KEY,
  id text COLLATE "C" NOT NULL UNIQUE,
  time_ms bigint NOT NULL,
  series bigint NOT NULL,
  outcome text COLLATE "C" NOT NULL,
  usage_source text COLLATE "C" NOT NULL,
  requests bigint NOT NULL,
  input_tokens bigint,
  output_tokens bigint,
  cached_input_tokens bigint,
  cache_write_tokens bigint,
  reasoning_tokens bigint,
  audio_tokens bigint,
  cost_nanos bigint,
  payload text NOT NULL
);
CREATE INDEX facts_by_time ON facts (time_ms, number);
CREATE INDEX facts_by_series ON facts (series, time_ms);

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of %: a fact is never changed and never removed', TG_OP, TG_TABLE_NAME;
END $$;
CREATE TRIGGER facts_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON facts
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER series_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON series
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE rollup (
  span text COLLATE "C" NOT NULL CHECK (span IN ('day', 'month')),
  day integer NOT NULL,
  series bigint NOT NULL,
  requests numeric NOT NULL,
  refused numeric NOT NULL,
  failed numeric NOT NULL,
  aborted numeric NOT NULL,
  lost numeric NOT NULL,
  unmetered numeric NOT NULL,
  estimated numeric NOT NULL,
  unpriced numeric NOT NULL,
  input_tokens numeric,
  output_tokens numeric,
  cached_input_tokens numeric,
  cache_write_tokens numeric,
  reasoning_tokens numeric,
  audio_tokens numeric,
  cost_nanos numeric,
  PRIMARY KEY (span, day, series)
) WITH (fillfactor = 60);

CREATE TABLE aside (
  reason text COLLATE "C" NOT NULL,
  id text COLLATE "C" NOT NULL,
  digest text COLLATE "C" NOT NULL,
  payload text NOT NULL,
  seen_ms bigint NOT NULL,
  PRIMARY KEY (reason, id, digest)
);

CREATE TABLE cursors (
  sink text COLLATE "C" NOT NULL,
  place text COLLATE "C" NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (sink, place)
);
`,
};
