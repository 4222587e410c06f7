import type { Pool, PoolClient, QueryResult } from 'pg';
import type { Secret } from '../../../base/index.ts';
import type { StoreResult } from '../../ledger.ts';
import { checkSchema, judge, migrate, VERSION } from './check-schema.ts';
import { isTransient, messageOf, Unsure } from './fault.ts';
import { SCHEMA, Session } from './session.ts';

export interface PostgresSettings {
  /** With the password, where there is one. */
  readonly url: Secret;
  readonly readOnly: boolean;
  /** How long a call waits for a lock, for a connection of the pool, or for one to be made, in milliseconds. */
  readonly busyMs: number;
  /** How long a transaction may take, in milliseconds. */
  readonly timeoutMs: number;
}

/** A read sees one moment of the whole store, and what is long may take as long as the store is large. `migrate` makes the schema what the others want it to be. */
export type Mode = 'read' | 'longRead' | 'write' | 'longWrite' | 'migrate';

export type Work<T> = (session: Session) => Promise<T>;

/** Whether the transaction that gave a value is done, asked in one of its own after the answer to COMMIT got lost. */
export type LookUp<T> = (session: Session, value: T) => Promise<boolean>;

/** Runs one transaction and tells what came of it. */
export type Call = <T>(mode: Mode, work: Work<T>, lookUp?: LookUp<T>) => Promise<StoreResult<T>>;

const CONNECTIONS_MAX = 4;
/** Shorter than a call may take, so that connections to a server that is gone do not fail one call after the other. */
const IDLE_MS = 10_000;
const LIFETIME_SECONDS = 1800;
const KEEP_ALIVE_MS = 10_000;
const TRIES = 6;
const LONG = 40;

/**
 * Transactions on a small pool of connections. `pg` is loaded and the schema
 * looked at with the first of them, and after a failure anew: by then the
 * database may be another.
 */
export class Connections {
  readonly #settings: PostgresSettings;
  #pool: Promise<Pool> | null = null;
  #schema: Promise<void> | null = null;

  constructor(settings: PostgresSettings) {
    this.#settings = settings;
  }

  /**
   * What `work` gives, once its transaction is committed. One that others were
   * in the way of (a deadlock, a serialization failure) begins again.
   *
   * @throws what the driver says, where the database is no store of this version, and `Unsure`.
   */
  async transact<T>(mode: Mode, work: Work<T>, lookUp: LookUp<T> | null = null): Promise<T> {
    const pool = await this.#open();
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#sure(pool, mode, work, lookUp);
      } catch (error) {
        if (!isTransient(error) || attempt === TRIES) {
          this.#schema = null;
          throw error;
        }
        await new Promise(resolve => setTimeout(resolve, Math.random() * 20 * 2 ** attempt));
      }
    }
  }

  async #open(): Promise<Pool> {
    this.#pool ??= this.#connect();
    const pool = await this.#pool;
    this.#schema ??= this.#check(pool);
    const checked = this.#schema;
    try {
      await checked;
    } catch (error) {
      if (this.#schema === checked) this.#schema = null;
      throw error;
    }
    return pool;
  }

  async #connect(): Promise<Pool> {
    const { Pool } = await import('pg');
    const pool = new Pool({
      connectionString: this.#settings.url.reveal(),
      fallback_application_name: 'weir',
      max: CONNECTIONS_MAX,
      connectionTimeoutMillis: this.#settings.busyMs,
      idleTimeoutMillis: Math.min(IDLE_MS, this.#settings.timeoutMs),
      maxLifetimeSeconds: LIFETIME_SECONDS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      // A process that waits for nothing else may end.
      allowExitOnIdle: true,
    });
    // A connection that breaks fails the call that uses it; nobody waits for an idle one.
    const ignore = (): void => {};
    pool.on('error', ignore);
    pool.on('connect', client => client.on('error', ignore));
    return pool;
  }

  async #check(pool: Pool): Promise<void> {
    const { readOnly } = this.#settings;
    const isWell = await this.#once(pool, 'read', session => checkSchema(session, readOnly));
    // A change of the schema may have to read all that is there.
    if (!isWell) await this.#once(pool, 'migrate', migrate);
  }

  /** Where it can be looked up, a lost answer to COMMIT is no matter. */
  async #sure<T>(pool: Pool, mode: Mode, work: Work<T>, lookUp: LookUp<T> | null): Promise<T> {
    let given: { readonly value: T } | null = null;
    const kept: Work<T> = async session => {
      given = { value: await work(session) };
      return given.value;
    };
    try {
      return await this.#once(pool, mode, kept);
    } catch (error) {
      if (!(error instanceof Unsure) || given === null || lookUp === null) throw error;
      const { value } = given as { readonly value: T };
      const isDone = await this.#once(pool, mode, session => lookUp(session, value)).catch(() => null);
      if (isDone === true) return value;
      throw isDone === false ? error.cause : error;
    }
  }

  async #once<T>(pool: Pool, mode: Mode, work: Work<T>): Promise<T> {
    const isLong = mode !== 'read' && mode !== 'write';
    const limitMs = this.#settings.timeoutMs * (isLong ? LONG : 1);
    const lease = new Lease(await pool.connect(), limitMs);
    try {
      const value = await lease.transact(this.#begin(mode, limitMs), work);
      lease.end(true);
      return value;
    } catch (error) {
      // Without its connection the server rolls the transaction back.
      lease.end(false);
      const cause = lease.isLate ? new Error(`the server gave no answer within ${limitMs} ms`) : error;
      throw lease.isUnsure && !isTransient(error) ? new Unsure(messageOf(cause), { cause }) : cause;
    }
  }

  /**
   * Whatever the defaults of the server, the database and the user are. Settings
   * end with the transaction, so that they hold behind a pooler too. To compile a
   * statement of ours takes longer than to run it.
   */
  #begin(mode: Mode, limitMs: number): string {
    const isRead = mode === 'read' || mode === 'longRead';
    const isWrite = mode === 'write' || mode === 'longWrite';
    // Sums are joined with all their series. Before the server has statistics it would read all of the one for each of the other.
    const joins = isRead ? 'SET LOCAL enable_nestloop = off;' : '';
    const access = isRead || this.#settings.readOnly ? ' READ ONLY' : '';
    return `
BEGIN ISOLATION LEVEL ${isRead ? 'REPEATABLE READ' : 'READ COMMITTED'}${access};
SET LOCAL search_path = ${SCHEMA}, pg_temp;
SET LOCAL statement_timeout = ${limitMs};
SET LOCAL idle_in_transaction_session_timeout = ${limitMs};
SET LOCAL lock_timeout = ${this.#settings.busyMs};
SET LOCAL jit = off;
${joins}
SELECT set_config('synchronous_commit', 'on', true) WHERE current_setting('synchronous_commit') = 'off';
${isWrite ? VERSION : ''}`;
  }

  /** Waits for the transactions under way. */
  async close(): Promise<void> {
    const pool = await this.#pool;
    await pool?.end();
  }
}

/** A connection of the pool for one transaction, taken away from it when its time is over. */
class Lease {
  isLate = false;
  /** COMMIT is sent and not answered. */
  isUnsure = false;
  readonly #client: PoolClient;
  readonly #timer: NodeJS.Timeout;

  constructor(client: PoolClient, limitMs: number) {
    this.#client = client;
    this.#timer = setTimeout(() => {
      this.isLate = true;
      client.release(true);
    }, limitMs);
  }

  async transact<T>(begin: string, work: Work<T>): Promise<T> {
    const results = (await this.#client.query(begin)) as unknown as readonly QueryResult<{
      version?: number;
    }>[];
    const version = results.at(-1)!.rows[0]?.version;
    if (version !== undefined) judge(version);
    const value = await work(new Session(this.#client));
    this.isUnsure = true;
    const { command } = await this.#client.query('COMMIT');
    this.isUnsure = false;
    if (command !== 'COMMIT') throw new Error(`the server answered ${command} to COMMIT`);
    return value;
  }

  /** `isWell`: others may use the connection. */
  end(isWell: boolean): void {
    clearTimeout(this.#timer);
    if (!this.isLate) this.#client.release(!isWell);
  }
}
