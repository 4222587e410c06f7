import { closeSync, mkdirSync, openSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type FileLock, lockFile } from './file-lock.ts';
import { claimFile, type JournalFile } from './journal-folder.ts';

/**
 * An empty file beside the segments that says: this journal has not ended. Its
 * lock goes with the process, however that ends. So a start can tell a run that
 * was cut off from one that still writes, and two starts never recover the same
 * run at once.
 */
export class JournalClaim {
  readonly #path: string;
  readonly #lock: FileLock | null;

  private constructor(path: string, lock: FileLock | null) {
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
    const lock = await lockFile(path);
    return new JournalClaim(path, lock instanceof Error || lock === 'held' ? null : lock);
  }

  /** Takes over the claim of a journal that was cut off: `held` while its process lives; an error where that cannot be told. */
  static async seize(path: string): Promise<JournalClaim | 'held' | Error> {
    const lock = await lockFile(path);
    return lock instanceof Error || lock === 'held' ? lock : new JournalClaim(path, lock);
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
    this.#lock?.release();
  }

  /** Leaves it for the next start to look at. */
  leave(): void {
    this.#lock?.release();
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
