/** A sum that the store keeps for each series and day: its column, and what one row of `facts` adds to it. */
interface Sum {
  readonly column: string;
  readonly ofFact: string;
  /** Stays null until a fact states one. */
  readonly isNullable: boolean;
}

function counted(column: string, condition: string): Sum {
  return { column, ofFact: `iif(${condition}, requests, 0)`, isNullable: false };
}

function stated(column: string): Sum {
  return { column, ofFact: column, isNullable: true };
}

const ANSWERED = "outcome NOT IN ('refused', 'upstreamFailed', 'lost')";

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
];

export const DAY_MS = 86_400_000;
const DAY = `time_ms / ${DAY_MS}`;
const MONTH = "unixepoch(time_ms / 1000, 'unixepoch', 'start of month') / 86400";

/** Columns of `rollup` that hold sums, and the same in a sum over groups. */
export const SUM_COLUMNS = SUMS.map(({ column }) => column).join(', ');
export const SUMS_OF_SUMS = SUMS.map(({ column }) => `sum(${column}) AS ${column}`).join(', ');
/** Every column of `rollup`. */
export const ROLLUP_COLUMNS = `span, day, series, ${SUM_COLUMNS}`;

const OF_ONE_FACT = SUMS.map(({ ofFact }) => ofFact).join(', ');
const OF_FACTS = SUMS.map(({ column, ofFact }) => `sum(${ofFact}) AS ${column}`).join(', ');

function added({ column, isNullable }: Sum): string {
  const sum = isNullable
    ? `iif(excluded.${column} IS NULL, ${column}, ifnull(${column}, 0) + excluded.${column})`
    : `${column} + excluded.${column}`;
  return `${column} = ${sum}`;
}

/** Adds the fact of one `number` to the sums of its day and its month. */
export const ADD_TO_ROLLUP = `
WITH fact AS (SELECT * FROM facts WHERE number = ?)
INSERT INTO rollup (${ROLLUP_COLUMNS})
SELECT 'day', ${DAY}, series, ${OF_ONE_FACT} FROM fact UNION ALL
SELECT 'month', ${MONTH}, series, ${OF_ONE_FACT} FROM fact WHERE true
ON CONFLICT DO UPDATE SET ${SUMS.map(added).join(', ')}`;

/** What `rollup` has to hold, made anew from the facts. */
export const ROLLUP_OF_FACTS = `
SELECT 'day' AS span, ${DAY} AS day, series, ${OF_FACTS} FROM facts GROUP BY 2, 3 UNION ALL
SELECT 'month', ${MONTH}, series, ${OF_FACTS} FROM facts GROUP BY 2, 3`;

/** Sums by day and series of the facts between two times, straight from them. */
export const DAYS_OF_FACTS = `
SELECT ${DAY} AS day, series, ${OF_FACTS} FROM facts WHERE time_ms >= ? AND time_ms < ? GROUP BY 1, 2`;
