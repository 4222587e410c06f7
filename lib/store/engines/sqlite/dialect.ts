import type { SqlDialect } from '../../sql/dialect.ts';

export const SQLITE: SqlDialect = {
  month: "unixepoch(time_ms / 1000, 'unixepoch', 'start of month') / 86400",
  dayText: "strftime('%Y-%m-%d', day * 86400, 'unixepoch')",
  monthText: "strftime('%Y-%m', day * 86400, 'unixepoch')",
};
