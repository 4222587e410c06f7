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

function charged(column: string, ofFact: string): Sum {
  return { column, ofFact, isNullable: false };
}

const ANSWERED = "outcome NOT IN ('refused', 'upstreamFailed', 'lost')";

/** What budgets count. A fact that no budget applied to, or from before there were any, counts as what it used. */
const CHARGES: readonly Sum[] = [
  charged('charged_requests', "iif(coalesce(attempts, outcome <> 'refused') > 0, requests, 0)"),
  charged('charged_tokens', 'coalesce(charged_tokens, ifnull(input_tokens, 0) + ifnull(output_tokens, 0))'),
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
const MONTH = "unixepoch(time_ms / 1000, 'unixepoch', 'start of month') / 86400";

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
    ? `iif(tag IS NULL, nullif(sum(${column}), 0), sum(${column})) AS ${column}`
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

/** The same for one of its tags: the fact's number, then the tag's, twice. */
export const ADD_TO_TAG_ROLLUP = `
WITH fact AS (SELECT * FROM facts WHERE number = ?)
INSERT INTO tag_rollup (${TAG_ROLLUP_COLUMNS})
SELECT ?, 'day', ${DAY}, series, ${OF_ONE_FACT} FROM fact UNION ALL
SELECT ?, 'month', ${MONTH}, series, ${OF_ONE_FACT} FROM fact WHERE true
ON CONFLICT DO UPDATE SET ${SUMS.map(added).join(', ')}`;

/** What `rollup` has to hold, made anew from the facts. */
export const ROLLUP_OF_FACTS = `
SELECT 'day' AS span, ${DAY} AS day, series, ${OF_FACTS} FROM facts GROUP BY 2, 3 UNION ALL
SELECT 'month', ${MONTH}, series, ${OF_FACTS} FROM facts GROUP BY 2, 3`;

/** Facts with one row for each tag they bear: most bear none, and are passed over without reading them. */
const TAGGED_FACTS = `
facts f JOIN json_each(f.payload, '$.tags') j ON instr(f.payload, '"tags":{}') = 0 AND j.type = 'text'`;
export const TAGS_OF_FACTS = `SELECT DISTINCT j.key AS name, j.value AS value FROM ${TAGGED_FACTS}`;

/** What `tag_rollup` has to hold, made anew from the facts. */
export const TAG_ROLLUP_OF_FACTS = `
SELECT t.id AS tag, span, day, series, ${OF_FACTS} FROM (
  SELECT f.*, j.key AS tag_name, j.value AS tag_value, 'day' AS span, ${DAY} AS day FROM ${TAGGED_FACTS} UNION ALL
  SELECT f.*, j.key, j.value, 'month', ${MONTH} FROM ${TAGGED_FACTS}
) JOIN tags t ON t.name = tag_name AND t.value = tag_value GROUP BY 1, 2, 3, 4`;

/** Sums by day, series and value of one tag between two times, straight from the facts: times, then the name. */
export const TAGGED_DAYS_OF_FACTS = `
SELECT ${DAY} AS day, series, j.value AS tag, ${OF_FACTS} FROM ${TAGGED_FACTS}
WHERE time_ms >= ? AND time_ms < ? AND j.key = ? GROUP BY 1, 2, 3`;

/** Sums by day and series of the facts between two times, straight from them. */
export const DAYS_OF_FACTS = `
SELECT ${DAY} AS day, series, ${OF_FACTS} FROM facts WHERE time_ms >= ? AND time_ms < ? GROUP BY 1, 2`;
