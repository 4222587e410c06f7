import { accessSync, closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { ThreadSettings } from './calls.ts';
import { MIGRATIONS } from './migrations/index.ts';

/** Stands in the header of a file of ours: the letters WEIR. */
const APPLICATION_ID = 0x57454952;
const NEWEST = MIGRATIONS.at(-1)!.number;

/**
 * A connection to the file, its schema brought up to date.
 *
 * @throws where the file cannot be opened, is not ours, or is of a newer version.
 */
export function openFile({ file, readOnly, busyMs }: ThreadSettings): DatabaseSync {
  if (readOnly) mustBeReadable(file);
  else makeFile(file);
  const connection = new DatabaseSync(file, { readOnly, timeout: busyMs });
  try {
    if (!readOnly) {
      // Before anything is written: WAL stands in the file itself.
      refuseOthers(connection, file);
      connection.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
      migrate(connection);
    }
    checkVersion(connection, file);
    return connection;
  } catch (error) {
    connection.close();
    throw readOnly ? readerFault(error, file) : error;
  }
}

/** A file that nobody has open is read by making its -wal and -shm beside it. */
function readerFault(error: unknown, file: string): unknown {
  return error instanceof Error && error.message === 'attempt to write a readonly database'
    ? new Error(
        `${file} cannot be read by this user while no gateway has it open: ask as the user that Weir runs as`,
      )
    : error;
}

/** SQLite says of each that it is unable to open it. */
function mustBeReadable(file: string): void {
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
      throw new Error(`${file} cannot be read by this user: ${(error as Error).message}`);
    throw new Error(`there is no ${file}: nothing was stored yet`);
  }
}

/** SQLite would make it readable for everybody; its other files take over this one's mode. */
function makeFile(file: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
  closeSync(openSync(file, 'a', 0o640));
}

function pragma(connection: DatabaseSync, name: 'application_id' | 'user_version'): number {
  return Number(connection.prepare(`PRAGMA ${name}`).get()![name]);
}

/** Files of other programs and of newer versions; one in which there is nothing yet passes. */
function refuseOthers(connection: DatabaseSync, file: string): void {
  // In one reading: another process may be making its tables.
  connection.exec('BEGIN');
  const version = pragma(connection, 'user_version');
  const isEmpty = connection.prepare('SELECT 1 FROM sqlite_schema').get() === undefined;
  const isOurs = pragma(connection, 'application_id') === (isEmpty && version === 0 ? 0 : APPLICATION_ID);
  connection.exec('COMMIT');
  if (!isOurs) throw new Error(`${file} is no store of Weir`);
  if (version > NEWEST)
    throw new Error(`${file} was written by a newer Weir (schema ${version}, this one knows ${NEWEST})`);
}

function checkVersion(connection: DatabaseSync, file: string): void {
  refuseOthers(connection, file);
  const version = pragma(connection, 'user_version');
  if (version < NEWEST)
    throw new Error(`${file} has schema ${version}: serve once with this version to bring it to ${NEWEST}`);
}

/** Each step is one transaction, so that a crash leaves a version that is whole. */
function migrate(connection: DatabaseSync): void {
  if (pragma(connection, 'user_version') >= NEWEST) return;
  for (const { number, sql } of MIGRATIONS) {
    connection.exec('BEGIN IMMEDIATE');
    // Another process may have been here meanwhile.
    const version = pragma(connection, 'user_version');
    if (version === 0) connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`);
    if (version < number) connection.exec(`${sql}; PRAGMA user_version = ${number}`);
    connection.exec('COMMIT');
  }
}
