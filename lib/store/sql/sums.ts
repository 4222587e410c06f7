import type { SqlDialect } from './dialect.ts';

/** A sum that the store keeps for each series and day: its column, and what one row of `facts` adds to it. */
interface Sum {
  readonly column: string;
  readonly ofFact: string;
  /** Stays null until a fact states one. */
  readonly isNullable: boolean;
}

function counted(column: string, condition: string): Sum {
  return { column, ofFact: `CASE WHEN ${condition} THEN requests ELSE 0 END`, isNullable: false };
}

function stated(column: string): Sum {
  return { column, ofFact: column, isNullable: true };
}

function charged(column: string, ofFact: string): Sum {
  return { column, ofFact, isNullable: false };
}

const ANSWERED = "outcome NOT IN ('refused', 'upstreamFailed', 'lost')";
/** Facts from before attempts were counted: what was not refused went to a provider. */
const WAS_SENT = "coalesce(attempts, CASE WHEN outcome = 'refused' THEN 0 ELSE 1 END) > 0";

/** What budgets count. A fact that no budget applied to, or from before there were any, counts as what it used. */
const CHARGES: readonly Sum[] = [
  counted('charged_requests', WAS_SENT),
  charged(
    'charged_tokens',
    'coalesce(charged_tokens, coalesce(input_tokens, 0) + coalesce(output_tokens, 0))',
  ),
  charged('charged_nanos', 'coalesce(charged_nanos, cost_nanos, 0)'),
];

export const SUMS: readonly Sum[] = [
  { column: 'requests', ofFact: 'requests', isNullable: false },
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
  ...CHARGES,
];

export const DAY_MS = 86_400_000;
const DAY = `time_ms / ${DAY_MS}`;

/** Columns of `rollup` that hold sums, and the same in a sum over groups. */
export const SUM_COLUMNS = SUMS.map(({ column }) => column).join(', ');
export const SUMS_OF_SUMS = SUMS.map(({ column }) => `sum(${column}) AS ${column}`).join(', ');
/** Sums to be taken away from others. */
export const NEGATED_SUMS = SUMS.map(({ column }) => `-${column}`).join(', ');
/**
 * The same as `SUMS_OF_SUMS` where the group without a tag is what is left of
 * all. Nobody has kept whether a sum of nothing was stated: it is null there.
 */
export const SUMS_LEFT = SUMS.map(({ column, isNullable }) =>
  isNullable
    ? `CASE WHEN tag IS NULL THEN nullif(sum(${column}), 0) ELSE sum(${column}) END AS ${column}`
    : `sum(${column}) AS ${column}`,
).join(', ');
/** The sums that budgets are about, in a sum over groups, and over facts. */
export const CHARGED_SUMS = CHARGES.map(({ column }) => `sum(${column}) AS ${column}`).join(', ');
export const CHARGED_OF_FACTS = CHARGES.map(({ column, ofFact }) => `sum(${ofFact}) AS ${column}`).join(', ');
/** Every column of `rollup`. */
export const ROLLUP_COLUMNS = `span, day, series, ${SUM_COLUMNS}`;
/** Every column of `tag_rollup`. */
export const TAG_ROLLUP_COLUMNS = `tag, ${ROLLUP_COLUMNS}`;

const OF_ONE_FACT = SUMS.map(({ ofFact }) => ofFact).join(', ');
const OF_FACTS = SUMS.map(({ column, ofFact }) => `sum(${ofFact}) AS ${column}`).join(', ');

function addedTo(table: string, { added }: SqlDialect): string {
  return SUMS.map(({ column }) => `${column} = ${added(`${table}.${column}`, `excluded.${column}`)}`).join(
    ', ',
  );
}

/** The end of an INSERT into `rollup` that adds to the sums that are there. */
export function addToSums(dialect: SqlDialect): string {
  return `ON CONFLICT (span, day, series) DO UPDATE SET ${addedTo('rollup', dialect)}`;
}

/** The same of one into `tag_rollup`. */
export function addToTagSums(dialect: SqlDialect): string {
  return `ON CONFLICT (tag, span, day, series) DO UPDATE SET ${addedTo('tag_rollup', dialect)}`;
}

/** What one row of `fact` adds to `rollup`: to its day and to its month. */
export function rollupOfFact({ month }: SqlDialect): string {
  return `
SELECT 'day', ${DAY}, series, ${OF_ONE_FACT} FROM fact UNION ALL
SELECT 'month', ${month}, series, ${OF_ONE_FACT} FROM fact`;
}

/** The same to `tag_rollup`, for one of its tags, which is given twice. */
export function tagRollupOfFact({ month }: SqlDialect): string {
  return `
SELECT ?, 'day', ${DAY}, series, ${OF_ONE_FACT} FROM fact UNION ALL
SELECT ?, 'month', ${month}, series, ${OF_ONE_FACT} FROM fact`;
}

/** What `rollup` has to hold for all the rows of a table with columns of `facts`. */
export function rollupOf(table: string, { month }: SqlDialect): string {
  return `
SELECT 'day' AS span, ${DAY} AS day, series, ${OF_FACTS} FROM ${table} GROUP BY 2, 3 UNION ALL
SELECT 'month', ${month}, series, ${OF_FACTS} FROM ${table} GROUP BY 2, 3`;
}

/** What rows add to `tag_rollup` that are facts with one of their tags each, its id in `tag`. */
export function tagRollupOfRows(table: string, { month }: SqlDialect): string {
  return `
SELECT tag, 'day' AS span, ${DAY} AS day, series, ${OF_FACTS} FROM ${table} GROUP BY 1, 3, 4 UNION ALL
SELECT tag, 'month', ${month}, series, ${OF_FACTS} FROM ${table} GROUP BY 1, 3, 4`;
}

/** What `tag_rollup` has to hold, made anew from the facts. */
export function tagRollupOf({ month, taggedFacts }: SqlDialect): string {
  return `
SELECT t.id AS tag, span, day, series, ${OF_FACTS} FROM (
  SELECT tagged.*, 'day' AS span, ${DAY} AS day FROM ${taggedFacts} UNION ALL
  SELECT tagged.*, 'month', ${month} FROM ${taggedFacts}
) AS spans JOIN tags t ON t.name = tag_name AND t.value = tag_value GROUP BY 1, 2, 3, 4`;
}

/** Every tag that a fact bears: its name, its value. */
export function tagsOfFacts({ taggedFacts }: SqlDialect): string {
  return `SELECT DISTINCT tag_name, tag_value FROM ${taggedFacts}`;
}

/** Rows that one side has and the other has not, each key once. */
function different(key: string, columns: string, table: string, made: string): string {
  return `
WITH kept AS MATERIALIZED (SELECT ${columns} FROM ${table}), made AS MATERIALIZED (${made})
SELECT DISTINCT ${key} FROM (
  SELECT * FROM (SELECT * FROM kept EXCEPT SELECT * FROM made) AS more
  UNION ALL SELECT * FROM (SELECT * FROM made EXCEPT SELECT * FROM kept) AS less) AS different`;
}

/** Rows of `rollup` that a rebuild would change, each span and series once. */
export function wrongSums(dialect: SqlDialect): string {
  return different('span, day, series', ROLLUP_COLUMNS, 'rollup', rollupOf('facts', dialect));
}

/** The same of `tag_rollup`. */
export function wrongTagSums(dialect: SqlDialect): string {
  return different('tag, span, day, series', TAG_ROLLUP_COLUMNS, 'tag_rollup', tagRollupOf(dialect));
}

/** Sums by day, series and value of one tag between two times, straight from the facts: times, then the name. */
export function taggedDaysOfFacts({ taggedFacts }: SqlDialect): string {
  return `
SELECT ${DAY} AS day, series, tag_value AS tag, ${OF_FACTS} FROM ${taggedFacts}
WHERE time_ms >= ? AND time_ms < ? AND tag_name = ? GROUP BY 1, 2, 3`;
}

/** Sums by day and series of the facts between two times, straight from them. */
export const DAYS_OF_FACTS = `
SELECT ${DAY} AS day, series, ${OF_FACTS} FROM facts WHERE time_ms >= ? AND time_ms < ? GROUP BY 1, 2`;
