/** What the engines write differently. Everything else is SQL that all of them take. */
export interface SqlDialect {
  /** The first day of the month of `time_ms`, in days from 1970. */
  readonly month: string;
  /** `day`, counted from 1970, as `2026-11-21`. */
  readonly dayText: string;
  /** The same as `2026-11`. */
  readonly monthText: string;
  /** Facts with a row for each tag they bear, called `tagged`: their columns, `tag_name` and `tag_value`. */
  readonly taggedFacts: string;
  /** Whether a row of `facts` bears a tag: its name, its value. */
  readonly factBearsTag: string;
  /** `rollup` where few of its series are meant: one key has few among all of a day. */
  readonly rollupOfFewSeries: string;
  /** Whether `series` is among the few that a query gives. */
  readonly ofFewSeries: (query: string) => string;
  /** The texts of a JSON list as rows. */
  readonly listed: string;
  /** A sum that may be null and what is added to it, which is not less than 0. */
  readonly added: (kept: string, more: string) => string;
}

export type SqlValue = string | number | null;

/** A condition or a whole statement, and the values of its question marks. */
export interface Sql {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** A row as an engine gives it: integers may come as text or bigint. */
export type SqlRow = Readonly<Record<string, unknown>>;
