import type { SqlDialect } from '../../sql/dialect.ts';

/** The largest integer of SQLite. */
const MOST = '9223372036854775807';

export const SQLITE: SqlDialect = {
  month: "unixepoch(time_ms / 1000, 'unixepoch', 'start of month') / 86400",
  dayText: "strftime('%Y-%m-%d', day * 86400, 'unixepoch')",
  monthText: "strftime('%Y-%m', day * 86400, 'unixepoch')",
  // Most facts bear no tag, and are passed over without being read.
  taggedFacts: `(SELECT f.*, j.key AS tag_name, j.value AS tag_value FROM facts f JOIN json_each(f.payload, '$.tags') j
    ON instr(f.payload, '"tags":{}') = 0 AND j.type = 'text') AS tagged`,
  factBearsTag: "EXISTS (SELECT 1 FROM json_each(payload, '$.tags') j WHERE j.key = ? AND j.value = ?)",
  // Without a word SQLite may read the days whole.
  rollupOfFewSeries: 'rollup INDEXED BY rollup_by_series',
  ofFewSeries: query => `series IN (${query})`,
  listed: 'SELECT value FROM json_each(?)',
  // More than 64 bits would be a float, which no column of sums takes: no append would ever succeed again.
  added: (kept, more) => `coalesce(min(${kept} + ${more}, ${MOST}), ${kept}, ${more})`,
};
