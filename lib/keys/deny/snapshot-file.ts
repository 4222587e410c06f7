import { readdirSync, unlinkSync } from 'node:fs';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Clock } from '../../base/index.ts';
import type { Warning } from '../../pipeline/index.ts';
import type { DenySet } from './deny-set.ts';
import { decodeSnapshot, encodeSnapshot, type Snapshot } from './snapshot-format.ts';

export interface SnapshotFileOptions {
  /** Absolute. */
  readonly path: string;
  readonly set: DenySet;
  readonly clock: Clock;
  readonly warn: (warning: Warning) => void;
}

/** Changes of this long go into one write. */
const GATHER_MS = 100;
/** Writing takes at most one part in as many of the time, unless somebody waits for it. */
const REST_FACTOR = 10;
const RETRY_MS = 5000;

/** What a snapshot file holds; null where there is none; or why it cannot be used: completes "it …". */
export async function readSnapshot(path: string): Promise<Snapshot | string | null> {
  try {
    return decodeSnapshot(await readFile(path));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') return null;
    return `cannot be read (${code ?? message})`;
  }
}

/**
 * Keeps a deny set in a file. Each write is of the whole set, to a file beside
 * it that takes its name once it is on disk, so that the file is always whole:
 * the old one or the new.
 */
export class SnapshotFile {
  readonly path: string;
  readonly #options: SnapshotFileOptions;
  readonly #draft: string;
  readonly #unsubscribe: () => void;
  #changes = 0;
  /** Changes that are on disk. */
  #saved = 0;
  #writing: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  #restUntilMs = 0;
  #problem: string | null = null;
  #isClosed = false;

  constructor(options: SnapshotFileOptions) {
    this.path = options.path;
    this.#options = options;
    this.#draft = `${options.path}.${process.pid}.tmp`;
    removeDrafts(options.path);
    this.#unsubscribe = options.set.onChanged(() => this.changed());
  }

  /** Why the set is not on disk as it is, or null. */
  get problem(): string | null {
    return this.#problem;
  }

  /** The set has changed: it will be written soon. */
  changed(): void {
    this.#changes++;
    this.#schedule(Math.max(GATHER_MS, this.#restUntilMs - this.#options.clock.monotonicMs()));
  }

  /** Resolves once the set as it is now is on disk, or with why it cannot be. */
  async save(): Promise<string | null> {
    const target = ++this.#changes;
    // A write that is under way may have passed what has changed.
    while (this.#saved < target) {
      const isOurs = this.#writing === null;
      this.#writing ??= this.#write();
      await this.#writing;
      if (isOurs && this.#problem !== null) return this.#problem;
    }
    return null;
  }

  /** Writes what is not written yet, unless it is given up. */
  async close(isGivenUp = false): Promise<void> {
    this.#isClosed = true;
    this.#unsubscribe();
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#writing;
    if (this.#saved < this.#changes && !isGivenUp) await this.#write();
  }

  #schedule(delayMs: number): void {
    if (this.#timer !== null || this.#isClosed) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (this.#saved < this.#changes) this.#writing ??= this.#write();
    }, delayMs).unref();
  }

  /** Never rejects. */
  async #write(): Promise<void> {
    const { clock } = this.#options;
    const target = this.#changes;
    const startedMs = clock.monotonicMs();
    try {
      await this.#replaceFile();
      this.#saved = target;
      this.#recovered();
    } catch (error) {
      this.#failed((error as Error).message);
    }
    const nowMs = clock.monotonicMs();
    this.#restUntilMs = nowMs + REST_FACTOR * (nowMs - startedMs);
    this.#writing = null;
    if (this.#problem !== null) this.#schedule(RETRY_MS);
    else if (this.#saved < this.#changes) this.#schedule(Math.max(GATHER_MS, this.#restUntilMs - nowMs));
  }

  async #replaceFile(): Promise<void> {
    const folder = dirname(this.path);
    await mkdir(folder, { recursive: true, mode: 0o750 });
    try {
      const file = await open(this.#draft, 'w', 0o600);
      try {
        for (const chunk of encodeSnapshot(this.#options.set.books)) await file.writeFile(chunk);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(this.#draft, this.path);
    } catch (error) {
      await unlink(this.#draft).catch(() => {});
      throw error;
    }
    await syncFolder(folder);
  }

  #failed(reason: string): void {
    if (this.#problem === null) {
      const message = `The deny set cannot be written to ${this.path} (${reason}). It is in force, but changes are lost at a restart. Trying on.`;
      this.#options.warn({ code: 'deny_snapshot_failing', message });
    }
    this.#problem = reason;
  }

  #recovered(): void {
    if (this.#problem === null) return;
    this.#problem = null;
    this.#options.warn({
      code: 'deny_snapshot_recovered',
      message: `The deny set is on disk again, in ${this.path}.`,
    });
  }
}

/** A name is on disk once its folder is. */
async function syncFolder(folder: string): Promise<void> {
  // Windows opens no folders, and needs none of it.
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Removes what processes that were killed while they wrote have left. */
function removeDrafts(path: string): void {
  const folder = dirname(path);
  const start = `${basename(path)}.`;
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) {
    const pid = name.startsWith(start) ? /^(\d+)\.tmp$/.exec(name.slice(start.length))?.[1] : undefined;
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      unlinkSync(join(folder, name));
    } catch {
      // Somebody else was faster, or may not: it is in nobody's way.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
