import type { Migration } from './index.ts';

/**
 * What facts charge to budgets, and sums by tag. Of facts that were stored
 * before, nothing was charged: they count as what they used, so their sums
 * follow from those that are there. `tag_rollup` is `rollup` once more for each
 * tag that the facts of a series bear.
 */
export const charges: Migration = {
  number: 2,
  sql: `
ALTER TABLE facts ADD COLUMN attempts INTEGER;
ALTER TABLE facts ADD COLUMN charged_tokens INTEGER;
ALTER TABLE facts ADD COLUMN charged_nanos INTEGER;

ALTER TABLE rollup ADD COLUMN charged_requests INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollup ADD COLUMN charged_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE rollup ADD COLUMN charged_nanos INTEGER NOT NULL DEFAULT 0;
UPDATE rollup SET
  charged_requests = requests - refused,
  charged_tokens = ifnull(input_tokens, 0) + ifnull(output_tokens, 0),
  charged_nanos = ifnull(cost_nanos, 0);

CREATE INDEX rollup_by_series ON rollup (series, span, day);
CREATE INDEX series_by_subject ON series (subject);
CREATE INDEX series_by_key ON series (key_id);

CREATE TABLE tags (
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  value TEXT NOT NULL,
  UNIQUE (name, value)
) STRICT;

CREATE TABLE tag_rollup (
  tag INTEGER NOT NULL REFERENCES tags (id),
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
  charged_requests INTEGER NOT NULL,
  charged_tokens INTEGER NOT NULL,
  charged_nanos INTEGER NOT NULL,
  PRIMARY KEY (tag, span, day, series)
) STRICT, WITHOUT ROWID;

CREATE TEMP TABLE tagged AS
SELECT f.number, j.key AS name, j.value AS value
FROM facts f, json_each(f.payload, '$.tags') j
WHERE instr(f.payload, '"tags":{}') = 0 AND j.type = 'text';
INSERT INTO tags (name, value) SELECT DISTINCT name, value FROM tagged;
INSERT INTO tag_rollup
SELECT t.id, s.span, iif(s.span = 'day', f.time_ms / 86400000,
    unixepoch(f.time_ms / 1000, 'unixepoch', 'start of month') / 86400), f.series,
  sum(requests), sum(iif(outcome = 'refused', requests, 0)),
  sum(iif(outcome IN ('upstreamFailed', 'upstreamTruncated'), requests, 0)),
  sum(iif(outcome IN ('clientAborted', 'drainCut'), requests, 0)),
  sum(iif(outcome = 'lost', requests, 0)),
  sum(iif(outcome NOT IN ('refused', 'upstreamFailed', 'lost') AND usage_source = 'none', requests, 0)),
  sum(iif(usage_source = 'estimated', requests, 0)),
  sum(iif(usage_source <> 'none' AND cost_nanos IS NULL, requests, 0)),
  sum(input_tokens), sum(output_tokens), sum(cached_input_tokens), sum(cache_write_tokens),
  sum(reasoning_tokens), sum(audio_tokens), sum(cost_nanos),
  sum(iif(outcome <> 'refused', requests, 0)),
  sum(ifnull(input_tokens, 0) + ifnull(output_tokens, 0)), sum(ifnull(cost_nanos, 0))
FROM tagged g JOIN facts f ON f.number = g.number JOIN tags t ON t.name = g.name AND t.value = g.value,
  (SELECT 'day' AS span UNION ALL SELECT 'month') s
GROUP BY 1, 2, 3, 4;
DROP TABLE tagged;
`,
};
