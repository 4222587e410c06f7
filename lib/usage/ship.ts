import type { Degradation, Metric, Warning } from '../pipeline/index.ts';
import type { Ledger } from '../store/index.ts';
import { type FactTaker, JournalFollower, type JournalSlice, type Obstacle } from './journal-follower.ts';
import type { JournalReader } from './journal-retention.ts';
import { ShipProgress } from './ship-progress.ts';

/** The cursor's name in the store. */
export const STORE_CURSOR = 'journal';
const SLICE_FACTS = 1000;

export interface ShipperOptions {
  /** Folder of the journal. */
  readonly folder: string;
  readonly ledger: Ledger;
  readonly warn: (warning: Warning) => void;
  /** Pause between two looks at a journal that had nothing new, in milliseconds. Default 500. */
  readonly idleMs?: number;
}

/**
 * Brings the facts of a journal into the store. A segment's cursor moves with
 * its facts or not at all; what is shipped twice after a crash is there once.
 */
export class Shipper implements FactTaker, JournalReader {
  readonly #ledger: Ledger;
  readonly #progress: ShipProgress;
  readonly #follower: JournalFollower;

  constructor({ folder, ledger, warn, idleMs }: ShipperOptions) {
    this.#ledger = ledger;
    this.#progress = new ShipProgress(ledger.place, 'The journal keeps them', warn);
    this.#follower = new JournalFollower({
      folder,
      taker: this,
      progress: this.#progress,
      sliceFacts: SLICE_FACTS,
      ...(idleMs === undefined ? {} : { idleMs }),
    });
  }

  get metrics(): readonly Metric[] {
    return this.#progress.metrics;
  }

  degraded(): readonly Degradation[] {
    return this.#progress.degraded();
  }

  /** What the journal had when it was looked through last is in the store. */
  get isCurrent(): boolean {
    return this.#follower.isCurrent;
  }

  cursors() {
    return this.#ledger.cursors(STORE_CURSOR);
  }

  begin() {
    return this.cursors();
  }

  async forget(segments: readonly string[]): Promise<void> {
    // A cursor that stays is of a segment that is read to its end.
    await this.#ledger.forget(STORE_CURSOR, segments);
  }

  async take({ segment, facts, end }: JournalSlice): Promise<Obstacle | null> {
    const texts = facts.map(({ text }) => text);
    const mark = { sink: STORE_CURSOR, place: segment, position: end };
    const result = await this.#ledger.append(texts, [mark]);
    if (!result.ok) return { problem: result.problem, afterMs: null };
    this.#progress.add(result.value);
    return null;
  }

  start(): void {
    this.#follower.start();
  }

  /** Ships what the journal has at this moment, see `JournalFollower`. */
  pass(): Promise<boolean> {
    return this.#follower.pass();
  }

  /** Ships what is left, once, and ends. Call it when the journal is closed. The ledger stays open. */
  close(): Promise<void> {
    return this.#follower.close();
  }
}
