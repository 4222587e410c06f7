import { MIGRATIONS } from './migrations/index.ts';
import { SCHEMA, type Session } from './session.ts';

const NEWEST = MIGRATIONS.length;
/** Of the advisory lock under which the schema is changed: the letters WEIR. */
const LOCK = 0x57454952;

/**
 * Looks whether the schema is ours and of this version. False where it has to be
 * brought up to date first, and may be: not where it is `readOnly`.
 *
 * @throws where it is not of this version, and will not be.
 */
export async function checkSchema(session: Session, readOnly: boolean): Promise<boolean> {
  const version = await versionOf(session);
  if (version < NEWEST && !readOnly) return false;
  judge(version);
  return true;
}

/**
 * Brings the schema up to date. Within one transaction, and under a lock, so that
 * several processes may begin at once.
 *
 * @throws where the database cannot hold a store, or holds something else or a newer one.
 */
export async function migrate(session: Session): Promise<void> {
  await session.rows('SELECT pg_advisory_xact_lock(?)', [LOCK]);
  // Another process may have been here meanwhile.
  const version = await versionOf(session);
  if (version === 0) await claim(session);
  // Those who write by what the schema was end first, and those who come look at it anew.
  else if (version < NEWEST) await session.run('LOCK TABLE migrations IN ACCESS EXCLUSIVE MODE');
  for (const { number, sql } of MIGRATIONS.slice(version)) {
    await session.run(sql);
    await session.rows('INSERT INTO migrations (number) VALUES (?)', [number]);
  }
  judge(Math.max(version, NEWEST));
}

/** Gives the version of the schema. Whoever has asked keeps it from changing until his transaction ends. */
export const VERSION = 'SELECT coalesce(max(number), 0)::integer AS version FROM migrations';

/** @throws where the schema is not of this version. */
export function judge(version: number): void {
  if (version === 0) throw new Error('there is no store of Weir in this database: nothing was stored yet');
  if (version > NEWEST)
    throw new Error(`it was written by a newer Weir (schema ${version}, this one knows ${NEWEST})`);
  if (version < NEWEST)
    throw new Error(`it has schema ${version}: serve once with this version to bring it to ${NEWEST}`);
}

/** The names in our schema, read from the catalogue itself: what `to_regclass` knows may be older than this statement. */
const CLASSES = `pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND n.nspname = '${SCHEMA}'`;

/** 0 where there is nothing of ours yet. */
async function versionOf(session: Session): Promise<number> {
  const [found] = await session.rows(
    `SELECT EXISTS (SELECT FROM ${CLASSES} WHERE c.relname = 'migrations') AS here`,
  );
  if (found!.here !== true) return 0;
  const [newest] = await session.rows(`SELECT coalesce(max(number), 0) AS number FROM ${SCHEMA}.migrations`);
  return Number(newest!.number);
}

async function claim(session: Session): Promise<void> {
  const [place] = await session.rows(
    `SELECT current_setting('server_encoding') AS encoding,
      EXISTS (SELECT FROM pg_namespace WHERE nspname = '${SCHEMA}') AS here,
      EXISTS (SELECT FROM ${CLASSES}) AS used`,
  );
  if (place!.encoding !== 'UTF8')
    throw new Error(`the database has the encoding ${place!.encoding}: a store needs UTF8`);
  if (place!.used === true) throw new Error(`its schema ${SCHEMA} is no store of Weir`);
  if (place!.here !== true) await session.run(`CREATE SCHEMA ${SCHEMA}`);
  await session.run(
    'CREATE TABLE migrations (number integer PRIMARY KEY, applied timestamptz NOT NULL DEFAULT now())',
  );
}
