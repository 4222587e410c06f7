import { closeSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { claimFile, type JournalFile } from './journal-folder.ts';

/** SQLITE_BUSY (sqlite.org/rescode.html). */
const BUSY = 5;

/**
 * An empty file beside the segments that says: this journal has not ended. Its
 * lock is the operating system's and goes with the process, however that ends;
 * node has locks of files only through SQLite, whose empty database it is. So a
 * start can tell a run that was cut off from one that still writes, and two
 * starts never recover the same run at once.
 */
export class JournalClaim {
  readonly #path: string;
  readonly #lock: DatabaseSync | null;

  private constructor(path: string, lock: DatabaseSync | null) {
    this.#path = path;
    this.#lock = lock;
  }

  /**
   * Claims a journal that is about to be written. Throws the system's error
   * where the folder takes no file. On a file system without locks the claim is
   * there, but held by nobody: `isHeld` is false.
   */
  static async create(folder: string, boot: Omit<JournalFile, 'file'>): Promise<JournalClaim> {
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    const path = createFile(folder, boot);
    const lock = await lockOf(path);
    return new JournalClaim(path, lock instanceof Error ? null : lock);
  }

  /** Takes over the claim of a journal that was cut off: `held` while its process lives; an error where that cannot be told. */
  static async seize(path: string): Promise<JournalClaim | 'held' | Error> {
    const lock = await lockOf(path);
    if (!(lock instanceof Error)) return new JournalClaim(path, lock);
    return 'errcode' in lock && lock.errcode === BUSY ? 'held' : lock;
  }

  get isHeld(): boolean {
    return this.#lock !== null;
  }

  /** The journal has ended: every exchange in it has its fact. */
  settle(): void {
    try {
      unlinkSync(this.#path);
    } catch {
      // The next start finds it, reads once more what it says, and tries again.
    }
    this.#lock?.close();
  }

  /** Leaves it for the next start to look at. */
  leave(): void {
    this.#lock?.close();
  }
}

/** A journal before this one, ended by a reload, may still have its claim. */
function createFile(folder: string, boot: Omit<JournalFile, 'file'>): string {
  for (let number = 0; ; number++) {
    const path = join(folder, claimFile(boot, number));
    try {
      closeSync(openSync(path, 'wx', 0o640));
      return path;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function lockOf(path: string): Promise<DatabaseSync | Error> {
  // Loaded only where there is a journal.
  const { DatabaseSync } = await import('node:sqlite');
  let lock: DatabaseSync | null = null;
  try {
    lock = new DatabaseSync(path, { timeout: 0 });
    lock.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return lock;
  } catch (error) {
    lock?.close();
    return error as Error;
  }
}
