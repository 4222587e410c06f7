import type { SqlDialect } from '../../sql/dialect.ts';

const EPOCH = "DATE '1970-01-01'";

export const POSTGRES: SqlDialect = {
  month: `date_trunc('month', to_timestamp(time_ms / 1000) AT TIME ZONE 'UTC')::date - ${EPOCH}`,
  dayText: `to_char(${EPOCH} + day::integer, 'YYYY-MM-DD')`,
  monthText: `to_char(${EPOCH} + day::integer, 'YYYY-MM')`,
  taggedFacts: `(SELECT f.*, t.name AS tag_name, t.value AS tag_value FROM facts f, unnest(f.tag_ids) AS own (tag)
    JOIN tags t ON t.id = own.tag) AS tagged`,
  factBearsTag: '(SELECT id FROM tags WHERE name = ? AND value = ?) = ANY (tag_ids)',
  rollupOfFewSeries: 'rollup',
  // Found first, and then by the index: as a join all the sums of the days would be read.
  ofFewSeries: query => `series = ANY (ARRAY(${query}))`,
  listed: 'SELECT json_array_elements_text(?::json)',
  added: (kept, more) => `coalesce(${kept} + ${more}, ${kept}, ${more})`,
};
