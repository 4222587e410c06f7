import type { Dimension, FactFilter } from '../ledger.ts';
import type { Sql, SqlValue } from './dialect.ts';

const WORDS = ['subject', 'key', 'provider', 'operation', 'model', 'modelRequested'] as const;

/** Where the table `series`, called `s`, has the words that facts are told apart by. */
export const SERIES_COLUMNS: Readonly<Record<Exclude<Dimension, 'day' | 'month'>, string>> = {
  subject: 's.subject',
  key: 's.key_id',
  provider: 's.provider',
  operation: 's.operation',
  model: 'coalesce(s.model_served, s.model_requested)',
  modelRequested: 's.model_requested',
};

export function seriesWhere(filter: FactFilter): Sql {
  const parts = ['s.kind = ?'];
  const values: SqlValue[] = [filter.kind ?? 'request'];
  for (const name of WORDS) {
    const value = filter[name];
    if (value === undefined) continue;
    parts.push(`${SERIES_COLUMNS[name]} = ?`);
    values.push(value);
  }
  return { sql: parts.join(' AND '), values };
}
