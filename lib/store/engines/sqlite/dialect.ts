import type { SqlDialect } from '../../sql/dialect.ts';

export const SQLITE: SqlDialect = {
  month: "unixepoch(time_ms / 1000, 'unixepoch', 'start of month') / 86400",
  dayText: "strftime('%Y-%m-%d', day * 86400, 'unixepoch')",
  monthText: "strftime('%Y-%m', day * 86400, 'unixepoch')",
  // Most facts bear no tag, and are passed over without being read.
  taggedFacts: `(SELECT f.*, j.key AS tag_name, j.value AS tag_value FROM facts f JOIN json_each(f.payload, '$.tags') j
    ON instr(f.payload, '"tags":{}') = 0 AND j.type = 'text') AS tagged`,
};
