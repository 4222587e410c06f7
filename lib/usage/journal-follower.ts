import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { StoreResult } from '../store/index.ts';
import { type JournalFolder, listJournal, originOf, unlessGone } from './journal-folder.ts';
import { CRC_END_BYTES, type JournalRecord } from './journal-line.ts';
import { Rest } from './rest.ts';
import { readSegment } from './segment-reader.ts';

const IDLE_MS = 500;
const CLOSE_MS = 10_000;
/** A slice ends behind the line with which it has this much of a segment. */
const SLICE_BYTES = 768 * 1024;

export interface FactText {
  /** Empty where a version that knows more has written something else. */
  readonly id: string;
  /** Its JSON, as it was before the journal added a checksum. */
  readonly text: string;
}

/** Some consecutive lines of one segment. */
export interface JournalSlice {
  /** The segment's file name. */
  readonly segment: string;
  readonly facts: readonly FactText[];
  /** Offset behind them: what the cursor is to be. */
  readonly end: number;
}

/** Why something could not be done now. */
export interface Obstacle {
  readonly problem: string;
  /** Asked not to be tried again sooner, in milliseconds. */
  readonly afterMs: number | null;
  /** It is not to be tried again while this process runs. */
  readonly isFinal?: true;
}

/** Where the facts of a journal go. It keeps its own cursors, by segment. */
export interface FactTaker {
  /** Where it goes on: asked at first, and after every obstacle. */
  begin(): Promise<StoreResult<ReadonlyMap<string, number>>>;
  /**
   * Takes the facts, then moves the segment's cursor: null when both survive a
   * crash. Facts come again after one, and after an obstacle. Give up when the
   * signal says so. Never rejects.
   */
  take(slice: JournalSlice, signal: AbortSignal): Promise<Obstacle | null>;
}

/** Is told how it goes, and says when to try again. */
export interface FollowProgress {
  /** Journal that has not been taken. */
  backlogBytes: number;
  /** Since when something has been waiting, by the monotonic clock; null where nothing is. */
  behindSinceMs: number | null;
  brokenLines: number;
  failed(problem: string, afterMs: number | null): void;
  succeeded(): void;
  /** Milliseconds to the next try; null where the latest did not fail. */
  readonly retryMs: number | null;
}

export interface FollowerOptions {
  /** Folder of the journal. */
  readonly folder: string;
  readonly taker: FactTaker;
  readonly progress: FollowProgress;
  /** At most this many facts in a slice. */
  readonly sliceFacts: number;
  /** Pause between two looks at a journal that had nothing new, in milliseconds. Default 500. */
  readonly idleMs?: number;
  /** How long the last look may take. Default 10 s. */
  readonly closeMs?: number;
}

/**
 * Brings the facts of a journal to one taker, beside everything else: it reads
 * what the journal has on disk, slice by slice, and while the taker is away the
 * journal keeps. Each taker has a follower of its own, so none waits for another.
 */
export class JournalFollower {
  readonly #options: FollowerOptions;
  readonly #stop = new AbortController();
  /** How far each segment was taken; null until the taker has said so. */
  #positions: Map<string, number> | null = null;
  /** The taker wants no more. */
  #isDone = false;
  #closed = false;
  /** Somebody else goes on with this journal. */
  #replaced = false;
  readonly #rest = new Rest();
  #loop: Promise<void> | null = null;
  /** Who waits for a pass that has not begun yet. */
  #waiting: ((isThere: boolean) => void)[] = [];

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#closed && !this.#isDone) {
      const waiting = this.#waiting.splice(0);
      const isThere = await this.pass();
      for (const resolve of waiting) resolve(isThere);
      // Somebody came while this pass ran: what he means may not be in it. Where the taker is away nobody hurries it.
      if (isThere && this.#waiting.length > 0) continue;
      for (const resolve of isThere ? [] : this.#waiting.splice(0)) resolve(false);
      const { progress, idleMs = IDLE_MS } = this.#options;
      if (!this.#closed && !this.#isDone) await this.#rest.take(progress.retryMs ?? idleMs);
    }
  }

  /** Brings what the journal has at this moment, at once. True when all of it was taken, false where the taker is away. */
  caughtUp(): Promise<boolean> {
    const { retryMs } = this.#options.progress;
    if (this.#closed || this.#isDone || retryMs !== null) return Promise.resolve(false);
    return new Promise(resolve => {
      this.#waiting.push(resolve);
      this.#rest.end();
    });
  }

  /**
   * Brings what the journal has at this moment. True when all of it was taken.
   * Not to be called while it runs by itself.
   */
  async pass(): Promise<boolean> {
    const { progress } = this.#options;
    const sinceMs = performance.now();
    const obstacle = await this.#bring(sinceMs).catch(
      (error: Error): Obstacle => ({ problem: error.message, afterMs: null }),
    );
    if (this.#stop.signal.aborted || this.#replaced) return false;
    if (obstacle === null) {
      progress.behindSinceMs = null;
      progress.succeeded();
      return true;
    }
    progress.behindSinceMs ??= sinceMs;
    // What it has may be another by then.
    this.#positions = null;
    this.#isDone = obstacle.isFinal === true;
    progress.failed(obstacle.problem, obstacle.afterMs);
    return false;
  }

  async #bring(sinceMs: number): Promise<Obstacle | null> {
    const { folder, taker, progress } = this.#options;
    if (this.#positions === null) {
      const cursors = await taker.begin();
      if (!cursors.ok) return { problem: cursors.problem, afterMs: null };
      this.#positions = new Map(cursors.value);
    }
    const positions = this.#positions;
    const behind: string[] = [];
    let backlogBytes = 0;
    for (const { file, bytes } of await sizesOf(folder, await listJournal(folder))) {
      // A segment that is shorter than what was read of it is another one: a backup that came back.
      if ((positions.get(file) ?? 0) > bytes) positions.set(file, 0);
      const waiting = bytes - (positions.get(file) ?? 0);
      backlogBytes += waiting;
      if (waiting > 0) behind.push(file);
    }
    progress.backlogBytes = backlogBytes;
    if (backlogBytes > 0) progress.behindSinceMs ??= sinceMs;
    for (const segment of behind) {
      const obstacle = await this.#bringSegment(segment, positions);
      if (obstacle !== null) return obstacle;
    }
    return null;
  }

  async #bringSegment(segment: string, positions: Map<string, number>): Promise<Obstacle | null> {
    const { folder, taker, progress } = this.#options;
    for (let isOver = false; !isOver && !this.#replaced && !this.#stop.signal.aborted; ) {
      const from = positions.get(segment) ?? 0;
      const { facts, broken, fileEnd, torn, ...read } = await this.#readSlice(segment, from);
      isOver = fileEnd !== null;
      const end = torn && (await hasEnded(folder, segment, fileEnd)) ? fileEnd! : read.end;
      if (end === from) return null;
      const obstacle = await taker.take({ segment, facts, end }, this.#stop.signal);
      if (obstacle !== null) return obstacle;
      positions.set(segment, end);
      progress.brokenLines += broken;
      progress.backlogBytes = Math.max(0, progress.backlogBytes - (end - from));
    }
    return null;
  }

  async #readSlice(segment: string, from: number) {
    const { folder, sliceFacts } = this.#options;
    const facts: FactText[] = [];
    const reading = await readSegment(
      join(folder, segment),
      from,
      record => {
        if (record.kind !== 'open') facts.push(factTextOf(record));
      },
      end => facts.length >= sliceFacts || end - from >= SLICE_BYTES,
    );
    return { ...reading, facts };
  }

  /** Brings what is left, once, and ends. Call it when the journal is closed. The taker stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#rest.end();
    const limit = setTimeout(() => this.#stop.abort(), this.#options.closeMs ?? CLOSE_MS);
    await this.#loop;
    for (const resolve of this.#waiting.splice(0)) resolve(false);
    if (!this.#isDone && !this.#replaced) await this.pass();
    clearTimeout(limit);
  }

  /** Ends with the slice under way, since somebody else goes on from there. The taker stays open. */
  async leave(): Promise<void> {
    this.#replaced = true;
    await this.close();
  }
}

/** What is in the folder now, without what has gone meanwhile. */
async function sizesOf(folder: string, { segments }: JournalFolder) {
  const sized = await Promise.all(
    segments.map(async ({ file }) => {
      const found = await unlessGone(stat(join(folder, file)));
      return found === null ? null : { file, bytes: found.size };
    }),
  );
  return sized.filter(segment => segment !== null);
}

/**
 * Whether nobody will complete a segment's last line: its run has ended, and
 * nothing was written since it was read up to `fileEnd`. Looked at after the
 * reading: a claim is older than its segments, so it is there to be seen.
 */
async function hasEnded(folder: string, segment: string, fileEnd: number | null): Promise<boolean> {
  const { segments, claims } = await listJournal(folder);
  const own = segments.find(({ file }) => file === segment);
  if (own === undefined || claims.some(claim => originOf(claim) === originOf(own))) return false;
  return (await stat(join(folder, segment))).size === fileEnd;
}

function factTextOf({ kind, origin, seq, bytes }: JournalRecord): FactText {
  return {
    id: kind === 'fact' ? `${origin}:${seq}` : '',
    text: `${bytes.toString('utf8', 0, bytes.length - CRC_END_BYTES)}}`,
  };
}
