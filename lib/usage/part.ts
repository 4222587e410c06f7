import type { Degradation, FactSink, House, Installed, Metric } from '../pipeline/index.ts';
import type { Ledger } from '../store/index.ts';
import type { JournalReader } from './journal-retention.ts';

/** What a part of the section `usage` is lent. */
export interface UsageHouse {
  readonly house: House;
  /** The store; null where there is none. Whoever lends it closes it. */
  readonly ledger: Ledger | null;
  /** All facts that are settled by now are in the journal's files, those that earlier runs left out too; false where that could not be done. Null without a journal. */
  readonly flushed: (() => Promise<boolean>) | null;
  /** Folder of the journal; null where there is none. */
  readonly journal: string | null;
}

/** What works beside the journal for as long as a gateway runs: each of its settings brings one. */
export interface UsagePart {
  readonly sinks?: readonly FactSink[];
  readonly metrics?: readonly Metric[];
  readonly routes?: Installed['routes'];
  degraded?(): readonly Degradation[];
  /** Brings all facts that are settled by now to the store; false where that could not be done. */
  caughtUp?(): Promise<boolean>;
  /** Facts are being dropped. */
  losesFacts?(): boolean;
  /**
   * Other settings hold from now on: what it does by itself ends.
   *
   * @param isSameJournal they have their journal in the same folder, so that whatever reads it there goes on.
   */
  retire?(isSameJournal: boolean): void;
  /** Brings what is left, once. The journal is closed by then, the store is not. */
  close?(): Promise<void>;
}

/** A part that reads the journal: what it has not read is not removed. */
export interface ReadingPart extends UsagePart {
  readonly readers: readonly JournalReader[];
}
