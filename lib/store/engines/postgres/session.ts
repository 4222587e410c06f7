import type { PoolClient } from 'pg';
import type { SqlRow } from '../../sql/dialect.ts';

/** Everything lies in a schema of its own: other tables of the database are not touched. */
export const SCHEMA = 'weir';

type Value = string | number | null;

/** One value, or a column of them for `unnest`. */
export type Bound = Value | readonly Value[];

/** U+0000, the one character that a text of PostgreSQL cannot hold, becomes U+FFFD, as what is no character does. */
export function held<T extends Value>(value: T): T | string {
  return typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;
}

function numbered(sql: string): string {
  let count = 0;
  return sql.replaceAll('?', () => `$${++count}`);
}

/** Statements of one transaction. */
export class Session {
  readonly #client: PoolClient;

  constructor(client: PoolClient) {
    this.#client = client;
  }

  /** Runs one statement; a question mark, wherever it stands, is the place of a value. */
  async rows(sql: string, values: readonly Bound[] = []): Promise<readonly SqlRow[]> {
    const bound = values.map(value => (Array.isArray(value) ? value.map(held) : held(value as Value)));
    return (await this.#client.query(numbered(sql), bound)).rows as SqlRow[];
  }

  /** Runs several statements without values. */
  async run(sql: string): Promise<void> {
    await this.#client.query(sql);
  }
}
