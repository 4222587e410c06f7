import type { SqlDialect } from '../../sql/dialect.ts';

const EPOCH = "DATE '1970-01-01'";

export const POSTGRES: SqlDialect = {
  month: `date_trunc('month', to_timestamp(time_ms / 1000) AT TIME ZONE 'UTC')::date - ${EPOCH}`,
  dayText: `to_char(${EPOCH} + day::integer, 'YYYY-MM-DD')`,
  monthText: `to_char(${EPOCH} + day::integer, 'YYYY-MM')`,
};
