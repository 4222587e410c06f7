import type { Migration } from './index.ts';

/**
 * What facts charge to budgets, and sums by tag, as SQLite has them, but for:
 * - a fact names its tags by their ids: not every text that JSON can hold is one
 *   that PostgreSQL reads out of it;
 * - words of any length are found by a hash, which bears any length;
 * - `tag_rollup` has no foreign keys, see `rollup`; rows of `tags` cannot be
 *   removed instead.
 *
 * Of facts that were stored before, nothing was charged: they count as what they
 * used, so their sums follow from those that are there. Their tags are read from
 * their texts, where PostgreSQL can.
 */
export const charges: Migration = {
  number: 3,
  sql: `
ALTER TABLE facts ADD COLUMN attempts bigint, ADD COLUMN charged_tokens bigint,
  ADD COLUMN charged_nanos bigint, ADD COLUMN tag_ids bigint[];

ALTER TABLE rollup ADD COLUMN charged_requests numeric NOT NULL DEFAULT 0,
  ADD COLUMN charged_tokens numeric NOT NULL DEFAULT 0, ADD COLUMN charged_nanos numeric NOT NULL DEFAULT 0;
UPDATE rollup SET
  charged_requests = requests - refused,
  charged_tokens = coalesce(input_tokens, 0) + coalesce(output_tokens, 0),
  charged_nanos = coalesce(cost_nanos, 0);

CREATE INDEX rollup_by_series ON rollup (series, span, day);
CREATE INDEX series_by_subject ON series USING hash (subject);
CREATE INDEX series_by_key ON series USING hash (key_id);

CREATE TABLE tags (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest text COLLATE "C" NOT NULL UNIQUE,
  name text COLLATE "C" NOT NULL,
  value text COLLATE "C" NOT NULL
);
CREATE INDEX tags_by_value ON tags USING hash (value);
CREATE TRIGGER tags_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON tags
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE tag_rollup (
  tag bigint NOT NULL,
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
  charged_requests numeric NOT NULL,
  charged_tokens numeric NOT NULL,
  charged_nanos numeric NOT NULL,
  PRIMARY KEY (tag, span, day, series)
) WITH (fillfactor = 60);

CREATE FUNCTION tags_of(payload text) RETURNS TABLE (name text, value text) LANGUAGE plpgsql AS $$
BEGIN
  RETURN QUERY SELECT j.key, j.value #>> '{}' FROM json_each(payload::json -> 'tags') AS j
    WHERE json_typeof(j.value) = 'string';
EXCEPTION WHEN data_exception THEN
END $$;
CREATE FUNCTION json_text(word text) RETURNS text LANGUAGE sql AS $$ SELECT to_json(word)::text $$;
CREATE TABLE tagged AS
  SELECT DISTINCT f.number, t.name, t.value FROM facts f, tags_of(f.payload) AS t
  WHERE position('"tags":{}' IN f.payload) = 0;
INSERT INTO tags (digest, name, value)
  SELECT encode(sha256(convert_to('[' || json_text(name) || ',' || json_text(value) || ']', 'UTF8')), 'base64'), name, value
  FROM (SELECT DISTINCT name, value FROM tagged) AS every;
ALTER TABLE facts DISABLE TRIGGER facts_stay;
UPDATE facts SET tag_ids = own.ids FROM (
  SELECT g.number, array_agg(t.id) AS ids FROM tagged g JOIN tags t ON t.name = g.name AND t.value = g.value
  GROUP BY g.number) AS own WHERE facts.number = own.number;
ALTER TABLE facts ENABLE TRIGGER facts_stay;
DROP TABLE tagged;
DROP FUNCTION json_text;
DROP FUNCTION tags_of;

INSERT INTO tag_rollup
SELECT tag, span, day, series,
  sum(requests), sum(CASE WHEN outcome = 'refused' THEN requests ELSE 0 END),
  sum(CASE WHEN outcome IN ('upstreamFailed', 'upstreamTruncated') THEN requests ELSE 0 END),
  sum(CASE WHEN outcome IN ('clientAborted', 'drainCut') THEN requests ELSE 0 END),
  sum(CASE WHEN outcome = 'lost' THEN requests ELSE 0 END),
  sum(CASE WHEN outcome NOT IN ('refused', 'upstreamFailed', 'lost') AND usage_source = 'none' THEN requests ELSE 0 END),
  sum(CASE WHEN usage_source = 'estimated' THEN requests ELSE 0 END),
  sum(CASE WHEN usage_source <> 'none' AND cost_nanos IS NULL THEN requests ELSE 0 END),
  sum(input_tokens), sum(output_tokens), sum(cached_input_tokens), sum(cache_write_tokens),
  sum(reasoning_tokens), sum(audio_tokens), sum(cost_nanos),
  sum(CASE WHEN outcome <> 'refused' THEN requests ELSE 0 END),
  sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), sum(coalesce(cost_nanos, 0))
FROM (
  SELECT f.*, own.tag, 'day' AS span, f.time_ms / 86400000 AS day FROM facts f, unnest(f.tag_ids) AS own (tag) UNION ALL
  SELECT f.*, own.tag, 'month', date_trunc('month', to_timestamp(f.time_ms / 1000) AT TIME ZONE 'UTC')::date - DATE '1970-01-01'
  FROM facts f, unnest(f.tag_ids) AS own (tag)) AS spans
GROUP BY 1, 2, 3, 4;
`,
};
