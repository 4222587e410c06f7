import { stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../base/index.ts';
import type { Metric } from '../pipeline/index.ts';
import type { StoreResult } from '../store/index.ts';
import { listJournal, originOf, type Segment, unlessGone } from './journal-folder.ts';
import type { UsagePart } from './part.ts';

const PASS_EVERY_MS = 60_000;

/** Somebody who must have read a segment before it may go. */
export interface JournalReader {
  /** How far each segment was read. */
  cursors(): Promise<StoreResult<ReadonlyMap<string, number>>>;
  /** These segments are gone. */
  forget(segments: readonly string[]): Promise<void>;
}

export interface RetentionOptions {
  readonly folder: string;
  /** `instance:boot` of this process. */
  readonly origin: string;
  /** Number of the first segment of this process' journal that is still written, or has a running exchange's beginning. */
  readonly firstNeeded: () => number;
  readonly readers: readonly JournalReader[];
  /** Segments that were last written longer ago may go; null: none for its age. */
  readonly keepMs: number | null;
  /** The oldest may go while the folder holds more; null: none for their size. */
  readonly keepBytes: number | null;
  readonly clock: Clock;
}

interface SizedSegment extends Segment {
  readonly bytes: number;
  readonly writtenMs: number;
}

/**
 * Removes old segments, whole and oldest first, from a journal. What a reader
 * has not read stays, however old; so does what a recovery would need: every
 * segment of a run that goes on elsewhere or was not looked through yet, and
 * those of this run from the first with an exchange that has no fact so far.
 */
export class JournalRetention {
  readonly #options: RetentionOptions;
  #bytes = 0;
  #removed = 0;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Removes what may go at this moment. A reader that cannot be asked keeps everything. */
  async pass(): Promise<void> {
    const { folder, keepMs, keepBytes, clock, readers } = this.#options;
    const { segments, claims } = await listJournal(folder);
    const sized = await Promise.all(segments.map(segment => sizeOf(folder, segment)));
    const present = sized.filter(segment => segment !== null);
    this.#bytes = present.reduce((sum, { bytes }) => sum + bytes, 0);
    const cursors = await Promise.all(readers.map(reader => reader.cursors()));
    if (cursors.some(({ ok }) => !ok)) return;
    const positions = cursors.flatMap(result => (result.ok ? [result.value] : []));
    const isRead = ({ file, bytes }: SizedSegment): boolean =>
      positions.every(read => (read.get(file) ?? 0) >= bytes);
    const claimed = claims.map(originOf);
    const runs = [...Map.groupBy(present, originOf)].map(([origin, ofRun]) => {
      const limit = this.#limitOf(origin, claimed);
      return leading(ofRun, segment => segment.number < limit && isRead(segment));
    });
    const oldMs = keepMs === null ? Number.NEGATIVE_INFINITY : clock.wallMs() - keepMs;
    const removed: string[] = [];
    for (let next = oldestOf(runs); next !== null; next = oldestOf(runs)) {
      if (next.writtenMs > oldMs && this.#bytes <= (keepBytes ?? Number.POSITIVE_INFINITY)) break;
      await unlink(join(folder, next.file));
      removed.push(next.file);
      this.#bytes -= next.bytes;
    }
    this.#removed += removed.length;
    if (removed.length > 0) await Promise.all(readers.map(reader => reader.forget(removed)));
  }

  /** Segments of a run below this number may go. */
  #limitOf(origin: string, claimed: readonly string[]): number {
    const claims = claimed.filter(one => one === origin).length;
    if (claims === 0) return Number.POSITIVE_INFINITY;
    // A second claim is of a journal that a reload replaced and that has not ended.
    return origin === this.#options.origin && claims === 1 ? this.#options.firstNeeded() : 0;
  }

  readonly metrics: readonly Metric[] = [
    {
      name: 'weir_journal_bytes',
      type: 'gauge',
      help: 'Size of all segments in the folder of the journal.',
      labels: [],
      read: () => [{ labels: {}, value: this.#bytes }],
    },
    {
      name: 'weir_journal_removed_segments_total',
      type: 'counter',
      help: 'Segments that were removed because of their age, or for room.',
      labels: [],
      read: () => [{ labels: {}, value: this.#removed }],
    },
  ];
}

/** Runs a retention again and again. @param everyMs between two passes: a minute, for tests less. */
export function startRetention(options: RetentionOptions, everyMs = PASS_EVERY_MS): UsagePart {
  const retention = new JournalRetention(options);
  let running = Promise.resolve();
  const pass = (): void => {
    // A folder that cannot be listed, or a file that cannot be removed, is tried again.
    running = running.then(() => retention.pass()).catch(() => {});
  };
  pass();
  const timer = setInterval(pass, everyMs).unref();
  return {
    metrics: retention.metrics,
    // Others may have come since who have not read yet, and other settings may keep more.
    retire: () => clearInterval(timer),
    close: () => {
      clearInterval(timer);
      return running;
    },
  };
}

async function sizeOf(folder: string, segment: Segment): Promise<SizedSegment | null> {
  const found = await unlessGone(stat(join(folder, segment.file)));
  return found === null ? null : { ...segment, bytes: found.size, writtenMs: found.mtimeMs };
}

/** Up to the first that does not pass: what stays of a run is never older than what goes. */
function leading<T>(list: readonly T[], passes: (value: T) => boolean): T[] {
  const first = list.findIndex(value => !passes(value));
  return first === -1 ? [...list] : list.slice(0, first);
}

/** Takes the one that was last written longest ago off the front of its run. */
function oldestOf(runs: readonly SizedSegment[][]): SizedSegment | null {
  const [first, ...others] = runs.filter(run => run.length > 0);
  if (first === undefined) return null;
  const oldest = others.reduce((a, b) => (b[0]!.writtenMs < a[0]!.writtenMs ? b : a), first);
  return oldest.shift()!;
}
