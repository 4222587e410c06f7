import { close, fdatasync, mkdirSync, openSync, write } from 'node:fs';
import { join } from 'node:path';
import type { Fact, FactSink, Warning } from '../pipeline/index.ts';
import { segmentFile } from './journal-folder.ts';
import { journalLine, sealedLine } from './journal-line.ts';
import type { OpenRecord } from './open-record.ts';

/** A segment is closed and the next begun past this size. */
const SEGMENT_BYTES = 64 * 1024 * 1024;
/** What may wait in memory while the disk does not take it; past it facts are dropped and counted. */
const WAITING_BYTES_MAX = 64 * 1024 * 1024;

export interface JournalOptions {
  /** Folder of the segments; made if absent. */
  readonly folder: string;
  readonly instance: string;
  readonly boot: string;
  readonly worker: number;
  /** `none`, `batch` (before a response ends), or an interval in milliseconds. */
  readonly fsync: 'none' | 'batch' | number;
  /** How long an end of message waits before it is released all the same. */
  readonly holdMs: number;
  /** `serve` releases and counts; `refuse` waits, and new requests are refused. */
  readonly onFull: 'serve' | 'refuse';
  readonly warn: (warning: Warning) => void;
}

interface Waiting {
  readonly recorded: (isRecorded: boolean) => void;
  readonly dueMs: number;
}

/**
 * Append-only NDJSON segments. A fact counts as recorded once write(2) of its
 * line has returned. One asynchronous write is in flight at a time; what comes
 * meanwhile joins the next, so a busy worker writes in batches by itself.
 */
export class Journal implements FactSink {
  readonly name = 'journal';
  readonly #options: JournalOptions;
  #fd = -1;
  #segment = 0;
  #segmentBytes = 0;
  #lines: string[] = [];
  /** Bytes of a batch that a failed write left over; they go first. */
  #leftOver: Buffer = Buffer.alloc(0);
  #linesBytes = 0;
  #waiting: Waiting[] = [];
  #inFlight: Waiting[] = [];
  #writing = false;
  #closed = false;
  #unsynced = false;
  #failing = false;
  #dropped = 0;
  /** Exchanges on record as begun, without a fact so far, and the segment that was written then: theirs, or one before. */
  readonly #begun = new Map<string, number>();
  readonly #timers: NodeJS.Timeout[] = [];
  #onIdle: (() => void) | null = null;
  /** Who waits until what was taken is written: with the batch under way, or the one after it. */
  #flushing: ((isWritten: boolean) => void)[] = [];
  #flushingNext: ((isWritten: boolean) => void)[] = [];

  constructor(options: JournalOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true, mode: 0o750 });
    this.#openSegment();
    if (options.onFull === 'serve')
      this.#every(Math.max(10, options.holdMs / 4), () => this.#releaseOverdue());
    if (typeof options.fsync === 'number') this.#every(options.fsync, () => this.#sync(() => {}));
    this.#every(1000, () => this.#flush());
  }

  #every(ms: number, step: () => void): void {
    this.#timers.push(setInterval(step, ms).unref());
  }

  #openSegment(): void {
    const fd = this.#create();
    if (this.#fd !== -1) closeSynced(this.#fd, this.#options.fsync !== 'none', () => {});
    this.#fd = fd;
    this.#segmentBytes = 0;
  }

  /** A journal before this one, ended by a reload, may have begun segments of the same name. */
  #create(): number {
    const { folder, worker } = this.#options;
    for (;;) {
      try {
        return openSync(join(folder, segmentFile(this.#options, worker, this.#segment++)), 'ax', 0o640);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /** Facts that could not be kept. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The disk does not take facts at the moment. */
  get failing(): boolean {
    return this.#failing;
  }

  /** Number of the first segment that is still written, or may hold what a recovery would need. */
  get firstNeeded(): number {
    let first = this.#segment - 1;
    for (const number of this.#begun.values()) if (number < first) first = number;
    return first;
  }

  /** Once closed: all that it was given is in the folder, and every exchange begun has its fact. */
  get isWhole(): boolean {
    const left = this.#lines.length + this.#leftOver.length;
    return this.#closed && left === 0 && this.#dropped === 0 && this.#begun.size === 0;
  }

  /** Puts on record that an exchange goes upstream. Nothing waits for it; where there is no room it is left out. */
  open(record: OpenRecord): void {
    if (!this.#hasRoom()) return;
    this.#begun.set(record.id, this.#segment - 1);
    this.#push(sealedLine(JSON.stringify(record)));
  }

  take(fact: Fact, recorded: (isRecorded: boolean) => void): boolean {
    if (!this.#hasRoom()) {
      this.#dropped++;
      return false;
    }
    this.#begun.delete(fact.id);
    // No end of message waits for an admin call, and whoever makes it knows how long to wait: a slow disk must not refuse it.
    const isHeld = fact.kind !== 'admin';
    const dueMs = isHeld ? performance.now() + this.#options.holdMs : Number.POSITIVE_INFINITY;
    this.#waiting.push({ recorded, dueMs });
    this.#push(journalLine(fact));
    return true;
  }

  /** True once all that was taken until now is in the file; false where the disk does not take it. */
  flushed(): Promise<boolean> {
    if (this.#failing) return Promise.resolve(false);
    if (!this.#writing) return Promise.resolve(true);
    return new Promise(resolve =>
      (this.#lines.length === 0 ? this.#flushing : this.#flushingNext).push(resolve),
    );
  }

  #hasRoom(): boolean {
    return !this.#closed && this.#linesBytes <= WAITING_BYTES_MAX;
  }

  #push(line: string): void {
    this.#lines.push(line);
    this.#linesBytes += line.length;
    if (!this.#writing && !this.#failing) this.#flush();
  }

  #flush(): void {
    if (this.#writing || (this.#lines.length === 0 && this.#leftOver.length === 0)) return;
    this.#writing = true;
    const lines = Buffer.from(this.#lines.join(''));
    const batch = this.#leftOver.length === 0 ? lines : Buffer.concat([this.#leftOver, lines]);
    this.#lines = [];
    this.#linesBytes = 0;
    this.#flushing.push(...this.#flushingNext.splice(0));
    this.#inFlight = this.#waiting;
    this.#waiting = [];
    this.#append(batch, 0);
  }

  #append(batch: Buffer, from: number): void {
    write(this.#fd, batch, from, batch.length - from, null, (error, written) => {
      if (error !== null) this.#onWriteError(error, batch.subarray(from));
      else if (from + written < batch.length) this.#append(batch, from + written);
      else this.#onWritten(batch.length);
    });
  }

  #onWritten(bytes: number): void {
    if (this.#failing) {
      this.#failing = false;
      this.#options.warn({ code: 'journal_recovered', message: 'The journal takes facts again.' });
    }
    this.#leftOver = this.#leftOver.subarray(0, 0);
    this.#unsynced = true;
    this.#segmentBytes += bytes;
    if (this.#options.fsync === 'batch') this.#sync(() => this.#batchDone());
    else this.#batchDone();
  }

  #batchDone(): void {
    const done = this.#inFlight;
    this.#inFlight = [];
    this.#writing = false;
    for (const { recorded } of done) recorded(true);
    for (const resolve of this.#flushing.splice(0)) resolve(true);
    if (this.#segmentBytes > SEGMENT_BYTES) this.#rotate();
    this.#flush();
    if (!this.#writing) this.#onIdle?.();
  }

  #rotate(): void {
    try {
      this.#openSegment();
    } catch (error) {
      this.#report(error as Error);
    }
  }

  /** A partly written line is completed by the retry: the segment stays whole. */
  #onWriteError(error: Error, rest: Buffer): void {
    this.#writing = false;
    this.#leftOver = rest;
    this.#linesBytes += rest.length;
    this.#waiting = [...this.#inFlight, ...this.#waiting];
    this.#inFlight = [];
    for (const resolve of [...this.#flushing.splice(0), ...this.#flushingNext.splice(0)]) resolve(false);
    this.#report(error);
    this.#onIdle?.();
  }

  #report(error: Error): void {
    if (this.#failing) return;
    this.#failing = true;
    const what = this.#options.onFull === 'refuse' ? 'New requests are refused' : 'Facts wait in memory';
    this.#options.warn({
      code: 'journal_failing',
      message: `The journal cannot be written (${error.message}). ${what}.`,
    });
  }

  #sync(done: () => void): void {
    if (!this.#unsynced) {
      done();
      return;
    }
    this.#unsynced = false;
    fdatasync(this.#fd, error => {
      if (error !== null) this.#report(error);
      done();
    });
  }

  #releaseOverdue(): void {
    const nowMs = performance.now();
    this.#waiting = this.#release(this.#waiting, nowMs);
    this.#inFlight = this.#release(this.#inFlight, nowMs);
  }

  #release(list: Waiting[], nowMs: number): Waiting[] {
    if (!list.some(entry => entry.dueMs <= nowMs)) return list;
    for (const entry of list) if (entry.dueMs <= nowMs) entry.recorded(false);
    return list.filter(entry => entry.dueMs > nowMs);
  }

  /** Writes what waits and closes the segment. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#flush();
    if (this.#writing) await new Promise<void>(resolve => (this.#onIdle = resolve));
    this.#closed = true;
    await new Promise<void>(resolve => closeSynced(this.#fd, this.#options.fsync !== 'none', resolve));
  }
}

/** Closes a segment, after what was written to it has reached the disk where that was asked for. */
function closeSynced(fd: number, synced: boolean, done: () => void): void {
  if (!synced) close(fd, done);
  else fdatasync(fd, () => close(fd, done));
}
