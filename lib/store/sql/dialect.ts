/** What the engines write differently. Everything else is SQL that all of them take. */
export interface SqlDialect {
  /** The first day of the month of `time_ms`, in days from 1970. */
  readonly month: string;
  /** `day`, counted from 1970, as `2026-11-21`. */
  readonly dayText: string;
  /** The same as `2026-11`. */
  readonly monthText: string;
}

export type SqlValue = string | number;

/** A condition or a whole statement, and the values of its question marks. */
export interface Sql {
  readonly sql: string;
  readonly values: readonly SqlValue[];
}

/** A row as an engine gives it: integers may come as text or bigint. */
export type SqlRow = Readonly<Record<string, unknown>>;
