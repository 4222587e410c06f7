import type { Degradation, Warning } from '../../pipeline/index.ts';
import type { StoreResult } from '../../store/index.ts';
import { type FileLock, lockFile } from '../file-lock.ts';
import { type FactTaker, JournalFollower, type JournalSlice, type Obstacle } from '../journal-follower.ts';
import type { JournalReader } from '../journal-retention.ts';
import { CursorFile, cursorFileOf } from './cursor-file.ts';
import type { FactOutlet } from './fact-outlet.ts';
import { SinkProgress } from './sink-progress.ts';

/** How long the end of a process may wait for an outlet: the journal keeps what it does not take. */
const CLOSE_MS = 3000;

export interface SinkOptions {
  /** Folder of the journal. */
  readonly journal: string;
  readonly outlet: FactOutlet;
  readonly warn: (warning: Warning) => void;
  /** See `JournalFollower`. */
  readonly idleMs?: number;
  /** Default 3 s. */
  readonly closeMs?: number;
}

/**
 * Brings the facts of a journal to an outlet, each at least once: its cursor
 * moves when the outlet has taken them. Of several processes that share a
 * journal one feeds each sink, the one that holds the lock beside its cursor.
 */
export class Sink implements FactTaker, JournalReader {
  readonly progress: SinkProgress;
  readonly #outlet: FactOutlet;
  readonly #cursor: CursorFile;
  readonly #lockPath: string;
  readonly #follower: JournalFollower;
  #lock: FileLock | Error | null = null;
  #positions = new Map<string, number>();

  constructor({ journal, outlet, warn, idleMs, closeMs = CLOSE_MS }: SinkOptions) {
    const path = cursorFileOf(journal, outlet.name);
    this.#outlet = outlet;
    this.#cursor = new CursorFile(path);
    this.#lockPath = `${path}.lock`;
    this.progress = new SinkProgress(outlet, warn);
    this.#follower = new JournalFollower({
      folder: journal,
      taker: this,
      progress: this.progress,
      sliceFacts: outlet.batchFacts,
      closeMs,
      ...(idleMs === undefined ? {} : { idleMs }),
    });
  }

  degraded(): readonly Degradation[] {
    return this.progress.degraded();
  }

  start(): void {
    this.#follower.start();
  }

  /** See `JournalFollower`. */
  pass(): Promise<boolean> {
    return this.#follower.pass();
  }

  /** As they are on disk, whichever process feeds it. */
  cursors(): Promise<StoreResult<ReadonlyMap<string, number>>> {
    return this.#cursor.read();
  }

  async forget(segments: readonly string[]): Promise<void> {
    for (const segment of segments) this.#positions.delete(segment);
  }

  async begin(): Promise<StoreResult<ReadonlyMap<string, number>>> {
    if (this.#lock === null) {
      const lock = await lockFile(this.#lockPath);
      this.progress.standsBy = lock === 'held';
      if (lock === 'held') return { ok: false, problem: 'another process feeds it' };
      // A file system without locks: whoever shares a folder there sends twice, which is allowed.
      this.#lock = lock;
    }
    const positions = await this.#cursor.read();
    if (positions.ok) this.#positions = new Map(positions.value);
    return positions;
  }

  async take({ segment, facts, end }: JournalSlice, signal: AbortSignal): Promise<Obstacle | null> {
    const known = facts.filter(({ id }) => id !== '');
    if (known.length > 0) {
      const obstacle = await this.#outlet.deliver(known, signal);
      if (obstacle !== null) {
        this.progress.isGone = obstacle.isFinal === true;
        return obstacle;
      }
      this.progress.facts += known.length;
    }
    this.#positions.set(segment, end);
    const problem = await this.#cursor.write(this.#positions);
    return problem === null ? null : { problem: `its cursor cannot be kept: ${problem}`, afterMs: null };
  }

  /** Leaves the journal to whatever follows: what it holds is not brought by this one any more. */
  async leave(): Promise<void> {
    await this.#follower.leave();
    this.#release();
  }

  /** Brings what is left, once, within a few seconds. Call it when the journal is closed. */
  async close(): Promise<void> {
    await this.#follower.close();
    await this.#outlet.close();
    this.#release();
  }

  #release(): void {
    if (this.#lock !== null && !(this.#lock instanceof Error)) this.#lock.release();
    this.#lock = null;
  }
}
