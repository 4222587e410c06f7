import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Degradation, Metric, Warning } from '../pipeline/index.ts';
import type { Ledger } from '../store/index.ts';
import { listJournal } from './journal-folder.ts';
import { CRC_END_BYTES, type JournalRecord } from './journal-line.ts';
import { readSegment } from './segment-reader.ts';
import { ShipProgress } from './ship-progress.ts';

/** The cursor's name in the store. */
const SINK = 'journal';
const BATCH_FACTS = 1000;
const IDLE_MS = 500;

export interface ShipperOptions {
  /** Folder of the journal. */
  readonly folder: string;
  readonly ledger: Ledger;
  readonly warn: (warning: Warning) => void;
  /** Pause between two looks at a journal that had nothing new, in milliseconds. Default 500. */
  readonly idleMs?: number;
}

/**
 * Brings the facts of a journal into the store, beside everything else: it
 * reads what the journal has on disk, and while the store is away the journal
 * keeps. A segment's cursor moves with its facts or not at all; what is shipped
 * twice after a crash is there once.
 */
export class Shipper {
  readonly #options: ShipperOptions;
  readonly #progress: ShipProgress;
  /** How far each segment is in the store; null until the store has said so. */
  #positions: Map<string, number> | null = null;
  #closed = false;
  #isCurrent = false;
  #wake: (() => void) | null = null;
  #loop: Promise<void> | null = null;

  constructor(options: ShipperOptions) {
    this.#options = options;
    this.#progress = new ShipProgress(options.ledger.place, 'The journal keeps them', options.warn);
  }

  get metrics(): readonly Metric[] {
    return this.#progress.metrics;
  }

  degraded(): readonly Degradation[] {
    return this.#progress.degraded();
  }

  /** What the journal had when it was looked through last is in the store. */
  get isCurrent(): boolean {
    return this.#isCurrent;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      await this.pass();
      if (!this.#closed) await this.#rest(this.#progress.retryMs ?? this.#options.idleMs ?? IDLE_MS);
    }
  }

  #rest(ms: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, ms).unref();
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /**
   * Ships what the journal has at this moment. True when all of it is in the
   * store. Not to be called while it runs by itself.
   */
  async pass(): Promise<boolean> {
    const problem = await this.#ship().catch((error: Error) => error.message);
    this.#isCurrent = problem === null;
    if (problem === null) this.#progress.succeeded();
    else this.#fail(problem);
    return problem === null;
  }

  /** The problem that stopped it, or null. */
  async #ship(): Promise<string | null> {
    const { folder, ledger } = this.#options;
    if (this.#positions === null) {
      const cursors = await ledger.cursors(SINK);
      if (!cursors.ok) return cursors.problem;
      this.#positions = new Map(cursors.value);
    }
    const positions = this.#positions;
    const { segments } = await listJournal(folder);
    const sized = await Promise.all(
      segments.map(async ({ file }) => ({ file, bytes: (await stat(join(folder, file))).size })),
    );
    // A segment that is shorter than what was read of it is another one: a backup that came back.
    for (const { file, bytes } of sized) if ((positions.get(file) ?? 0) > bytes) positions.set(file, 0);
    const behind = sized.filter(({ file, bytes }) => bytes > (positions.get(file) ?? 0));
    this.#progress.backlogBytes = behind.reduce(
      (sum, { file, bytes }) => sum + bytes - (positions.get(file) ?? 0),
      0,
    );
    for (const { file } of behind) {
      const problem = await this.#shipSegment(file, positions);
      if (problem !== null) return problem;
    }
    return null;
  }

  async #shipSegment(file: string, positions: Map<string, number>): Promise<string | null> {
    const texts: string[] = [];
    const from = positions.get(file) ?? 0;
    const { end, broken } = await readSegment(join(this.#options.folder, file), from, record => {
      if (record.kind !== 'open') texts.push(textOf(record));
    });
    if (end === from) return null;
    for (let at = 0; at === 0 || at < texts.length; at += BATCH_FACTS) {
      const isLast = at + BATCH_FACTS >= texts.length;
      const marks = isLast ? [{ sink: SINK, place: file, position: end }] : [];
      const result = await this.#options.ledger.append(texts.slice(at, at + BATCH_FACTS), marks);
      if (!result.ok) return result.problem;
      this.#progress.add(result.value);
    }
    positions.set(file, end);
    this.#progress.brokenLines += broken;
    this.#progress.backlogBytes = Math.max(0, this.#progress.backlogBytes - (end - from));
    return null;
  }

  #fail(problem: string): void {
    // What the store has may be another by then.
    this.#positions = null;
    this.#progress.failed(problem);
  }

  /** Ships what is left, once, and ends. Call it when the journal is closed. The ledger stays open. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#wake?.();
    await this.#loop;
    await this.pass();
  }
}

/** The fact as it was before the journal added its checksum. */
function textOf({ bytes }: JournalRecord): string {
  return `${bytes.toString('utf8', 0, bytes.length - CRC_END_BYTES)}}`;
}
