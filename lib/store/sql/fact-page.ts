import { FACT_CURSOR, type FactPage, type FactQuery } from '../ledger.ts';
import type { Sql, SqlRow, SqlValue } from './dialect.ts';
import { seriesWhere } from './series.ts';

/**
 * Gives one row more than the limit where there is another page.
 *
 * @throws where `after` is not what a page gave.
 */
export function factPageSql(query: FactQuery): Sql {
  const where = seriesWhere(query);
  const parts = [where.sql];
  const values = [...where.values];
  const add = (sql: string, ...more: SqlValue[]): void => {
    parts.push(sql);
    values.push(...more);
  };
  if (query.sinceMs !== undefined) add('f.time_ms >= ?', query.sinceMs);
  if (query.untilMs !== undefined) add('f.time_ms < ?', query.untilMs);
  if (query.outcome !== undefined) add('f.outcome = ?', query.outcome);
  if (query.after !== undefined) add('(f.time_ms, f.number) > (?, ?)', ...cursorOf(query.after));
  return {
    sql: `SELECT f.time_ms, f.number, f.payload FROM facts f JOIN series s ON s.id = f.series
      WHERE ${parts.join(' AND ')} ORDER BY f.time_ms, f.number LIMIT ?`,
    values: [...values, query.limit + 1],
  };
}

function cursorOf(after: string): [number, number] {
  const [, timeMs, number] = FACT_CURSOR.exec(after) ?? [];
  if (timeMs === undefined) throw new Error('after: not a cursor of a page');
  return [Number(timeMs), Number(number)];
}

/** What the rows of `factPageSql` say. */
export function readFactPage(rows: readonly SqlRow[], { limit }: FactQuery): FactPage {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return {
    facts: page.map(row => String(row.payload)),
    next: rows.length > limit ? `${last!.time_ms}.${last!.number}` : null,
  };
}
