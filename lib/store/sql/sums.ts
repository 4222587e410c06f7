import type { SqlDialect } from './dialect.ts';

/** A sum that the store keeps for each series and day: its column, and what one row of `facts` adds to it. */
interface Sum {
  readonly column: string;
  readonly ofFact: string;
}

function counted(column: string, condition: string): Sum {
  return { column, ofFact: `CASE WHEN ${condition} THEN requests ELSE 0 END` };
}

/** Stays null until a fact states one. */
function stated(column: string): Sum {
  return { column, ofFact: column };
}

const ANSWERED = "outcome NOT IN ('refused', 'upstreamFailed', 'lost')";

const SUMS: readonly Sum[] = [
  { column: 'requests', ofFact: 'requests' },
  counted('refused', "outcome = 'refused'"),
  counted('failed', "outcome IN ('upstreamFailed', 'upstreamTruncated')"),
  counted('aborted', "outcome IN ('clientAborted', 'drainCut')"),
  counted('lost', "outcome = 'lost'"),
  counted('unmetered', `${ANSWERED} AND usage_source = 'none'`),
  counted('estimated', "usage_source = 'estimated'"),
  counted('unpriced', "usage_source <> 'none' AND cost_nanos IS NULL"),
  stated('input_tokens'),
  stated('output_tokens'),
  stated('cached_input_tokens'),
  stated('cache_write_tokens'),
  stated('reasoning_tokens'),
  stated('audio_tokens'),
  stated('cost_nanos'),
];

export const DAY_MS = 86_400_000;
const DAY = `time_ms / ${DAY_MS}`;

/** Columns of `rollup` that hold sums, and the same in a sum over groups. */
export const SUM_COLUMNS = SUMS.map(({ column }) => column).join(', ');
export const SUMS_OF_SUMS = SUMS.map(({ column }) => `sum(${column}) AS ${column}`).join(', ');
/** Every column of `rollup`. */
export const ROLLUP_COLUMNS = `span, day, series, ${SUM_COLUMNS}`;

const OF_ONE_FACT = SUMS.map(({ ofFact }) => ofFact).join(', ');
const OF_FACTS = SUMS.map(({ column, ofFact }) => `sum(${ofFact}) AS ${column}`).join(', ');

function added({ column }: Sum): string {
  const [kept, more] = [`rollup.${column}`, `excluded.${column}`];
  return `${column} = coalesce(${kept} + ${more}, ${kept}, ${more})`;
}

/** The end of an INSERT into `rollup` that adds to the sums that are there. */
export const ADD_TO_SUMS = `ON CONFLICT (span, day, series) DO UPDATE SET ${SUMS.map(added).join(', ')}`;

/** What one row of `fact` adds to `rollup`: to its day and to its month. */
export function rollupOfFact({ month }: SqlDialect): string {
  return `
SELECT 'day', ${DAY}, series, ${OF_ONE_FACT} FROM fact UNION ALL
SELECT 'month', ${month}, series, ${OF_ONE_FACT} FROM fact`;
}

/** What `rollup` has to hold for all the rows of a table with columns of `facts`. */
export function rollupOf(table: string, { month }: SqlDialect): string {
  return `
SELECT 'day' AS span, ${DAY} AS day, series, ${OF_FACTS} FROM ${table} GROUP BY 2, 3 UNION ALL
SELECT 'month', ${month}, series, ${OF_FACTS} FROM ${table} GROUP BY 2, 3`;
}

/** Rows of `rollup` that a rebuild would change, each span and series once. */
export function wrongSums(dialect: SqlDialect): string {
  return `
WITH kept AS MATERIALIZED (SELECT ${ROLLUP_COLUMNS} FROM rollup),
  made AS MATERIALIZED (${rollupOf('facts', dialect)})
SELECT DISTINCT span, day, series FROM (
  SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more
  UNION ALL SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS less) AS different`;
}

/** Sums by day and series of the facts between two times, straight from them. */
export const DAYS_OF_FACTS = `
SELECT ${DAY} AS day, series, ${OF_FACTS} FROM facts WHERE time_ms >= ? AND time_ms < ? GROUP BY 1, 2`;
