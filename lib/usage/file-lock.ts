import { closeSync, openSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';

/** SQLITE_BUSY (sqlite.org/rescode.html). */
const BUSY = 5;

/** A lock of the operating system's on a file, which goes with the process however that ends. */
export interface FileLock {
  release(): void;
}

/**
 * Locks a file, made empty where there is none: `held` while somebody else has
 * it; an error where that cannot be told. Node has locks of files only through
 * SQLite, whose empty database the file is.
 */
export async function lockFile(path: string): Promise<FileLock | 'held' | Error> {
  // Loaded only where there is a journal.
  const { DatabaseSync } = await import('node:sqlite');
  let lock: DatabaseSync | null = null;
  try {
    makeFile(path);
    const database = new DatabaseSync(path, { timeout: 0 });
    lock = database;
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return { release: () => database.close() };
  } catch (error) {
    lock?.close();
    return (error as { readonly errcode?: number }).errcode === BUSY ? 'held' : (error as Error);
  }
}

/**
 * SQLite would make it readable for everybody. One that is there is not opened:
 * to close it would end a lock that this process has on it (POSIX, fcntl).
 */
function makeFile(path: string): void {
  try {
    closeSync(openSync(path, 'ax', 0o640));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}
