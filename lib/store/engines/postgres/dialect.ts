import type { SqlDialect } from '../../sql/dialect.ts';

const EPOCH = "DATE '1970-01-01'";

export const POSTGRES: SqlDialect = {
  month: `date_trunc('month', to_timestamp(time_ms / 1000) AT TIME ZONE 'UTC')::date - ${EPOCH}`,
  dayText: `to_char(${EPOCH} + day::integer, 'YYYY-MM-DD')`,
  monthText: `to_char(${EPOCH} + day::integer, 'YYYY-MM')`,
  taggedFacts: `(SELECT f.*, j.key AS tag_name, j.value AS tag_value FROM facts f,
    json_each_text((f.payload::json)->'tags') AS j (key, value)
    WHERE position('"tags":{}' IN f.payload) = 0) AS tagged`,
};
