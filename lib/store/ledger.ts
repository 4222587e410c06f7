import type { Register } from './register.ts';

/** What came of a call: its value, or why the store could not do it now. Nothing is half done. */
export type StoreResult<T> =
  | { readonly ok: true; readonly value: T }
  /** `mayBeDone`: a store elsewhere was told to keep it and did not answer. Else nothing was done. */
  | { readonly ok: false; readonly problem: string; readonly mayBeDone?: true };

/** How far a reader of a place (such as a journal segment) has come. */
export interface CursorMark {
  /** Whose cursor: each sink has its own. */
  readonly sink: string;
  /** What is read, such as a segment's name. */
  readonly place: string;
  /** The first byte that has not been read. */
  readonly position: number;
}

/** What became of the texts of one `append`. */
export interface Appended {
  /** Facts that are new. */
  readonly added: number;
  /** Facts that the store had, word for word. */
  readonly duplicates: number;
  /** Facts whose id the store has with another text. The first stands, this one is kept aside. */
  readonly conflicts: number;
  /** Facts that cannot be counted: a member is missing or of another kind. Kept aside. */
  readonly invalid: number;
  /** Texts that are no facts (without a member `outcome`). */
  readonly ignored: number;
}

/** What a summary can be split by. `model` is the one served, or where that is unknown the one asked for. */
export const DIMENSIONS = [
  'day',
  'month',
  'subject',
  'key',
  'provider',
  'operation',
  'model',
  'modelRequested',
] as const;

export type PlainDimension = (typeof DIMENSIONS)[number];

/** `tag:<name>` is the value of that tag; at most one of a summary's dimensions is a tag. */
export type Dimension = PlainDimension | `tag:${string}`;

/** Whose use a budget is about. */
export type SpentScope =
  | { readonly of: 'all' }
  | { readonly of: 'key' | 'subject' | 'provider'; readonly is: string }
  | { readonly of: 'tag'; readonly tag: string; readonly is: string };

export interface SpentQuery {
  readonly scope: SpentScope;
  /** Unix time in milliseconds of the first moment meant. */
  readonly sinceMs: number;
  /** Unix time in milliseconds of the first moment no longer meant; null is for ever. */
  readonly untilMs: number | null;
  /** Ids of facts that are left out, whether the store has them or not. All lie within the scope and the time. */
  readonly except: readonly string[];
}

/** What facts charge to budgets: what a budget took of them, and where none applied what they used. Exact sums. */
export interface Spent {
  /** Exchanges that went to a provider. */
  readonly requests: number;
  readonly tokens: number;
  readonly costNanos: bigint;
}

/** Which facts are meant. Absent members restrict nothing. */
export interface FactFilter {
  /** Unix time in milliseconds of the first moment meant. */
  readonly sinceMs?: number;
  /** Unix time in milliseconds of the first moment no longer meant. */
  readonly untilMs?: number;
  /** Default `request`. */
  readonly kind?: 'request' | 'admin' | 'tool';
  readonly subject?: string;
  readonly key?: string;
  readonly provider?: string;
  readonly operation?: string;
  readonly model?: string;
  readonly modelRequested?: string;
}

export interface SummaryQuery extends FactFilter {
  /** At most one `tag:<name>` among them. */
  readonly by: readonly Dimension[];
  /** At most this many rows, 1…SUMMARY_ROWS_MAX. */
  readonly limit: number;
}

export const SUMMARY_ROWS_MAX = 100_000;

/** One group. Sums are over what was stated: null where no fact of the group stated any. */
export interface SummaryRow {
  /** By dimension, in the order asked for; null where the facts have none. Days and months in UTC: `2026-11-21`, `2026-11`. */
  readonly group: Readonly<Partial<Record<Dimension, string | null>>>;
  readonly requests: number;
  /** Of those: answered by an error of ours. */
  readonly refused: number;
  /** The upstream failed, or broke off. */
  readonly failed: number;
  /** The client left, or a drain cut the exchange. */
  readonly aborted: number;
  /** Cut by a crash: what they used is unknown. */
  readonly lost: number;
  /** Answered by the provider without any usage stated or estimated: its errors and lists among them. */
  readonly unmetered: number;
  /** Their usage is estimated. */
  readonly estimated: number;
  /** Have usage, but no known cost: `costNanos` leaves them out. */
  readonly unpriced: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedInputTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly reasoningTokens: number | null;
  readonly audioTokens: number | null;
  /** USD × 10⁹, exact. */
  readonly costNanos: bigint | null;
}

export interface Summary {
  /** Days and months ascending, then what cost most, then what used most. */
  readonly rows: readonly SummaryRow[];
  /** There are more groups than `limit`. */
  readonly truncated: boolean;
}

export interface FactQuery extends FactFilter {
  readonly outcome?: string;
  /** At most this many facts, 1…FACTS_PER_PAGE_MAX. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: string;
}

export const FACTS_PER_PAGE_MAX = 10_000;

/** The form of a page's `next`, in every engine: time and number of its last fact. */
export const FACT_CURSOR = /^(\d{1,16})\.(\d{1,16})$/;

/** Whether a text has the form of a page's `next`. */
export function isFactCursor(text: string): boolean {
  return FACT_CURSOR.test(text);
}

export interface FactPage {
  /** JSON texts as they were appended, oldest first. */
  readonly facts: readonly string[];
  /** Where the next page begins, null on the last. */
  readonly next: string | null;
}

/** A text that was kept aside. */
export interface SetAside {
  readonly reason: 'conflict' | 'invalid';
  /** The fact's id, empty where it has none. */
  readonly id: string;
  /** Unix time in milliseconds. */
  readonly seenMs: number;
  readonly text: string;
}

/** The ids of one boot of one instance. A gap is no fault by itself: what settles no fact may have drawn an id. */
export interface IdSpan {
  /** `instance:boot:`. */
  readonly source: string;
  readonly first: number;
  readonly last: number;
  readonly facts: number;
}

/** What a look through the whole store found. */
export interface Health {
  readonly facts: number;
  readonly conflicts: number;
  readonly invalid: number;
  /** Rows of the running sums that a rebuild from the facts would change. 0 unless something is broken. */
  readonly wrongSums: number;
  readonly spans: readonly IdSpan[];
}

/**
 * The book of facts. A fact is never changed and never removed, and its id is
 * unique for ever: appending it again, in any order, after any crash, from any
 * number of processes, changes nothing.
 */
export interface Ledger {
  /** Where it is, for people. */
  readonly place: string;
  /** Keys on record and the chain of admin changes, in the same store. */
  readonly register: Register;
  /**
   * Appends facts, given as their JSON texts, and moves cursors, both or
   * neither. A positive answer means that they survive a power cut.
   */
  append(facts: readonly string[], marks: readonly CursorMark[]): Promise<StoreResult<Appended>>;
  /** A sink's cursors by place. */
  cursors(sink: string): Promise<StoreResult<ReadonlyMap<string, number>>>;
  /** Forgets cursors of places that are gone. */
  forget(sink: string, places: readonly string[]): Promise<StoreResult<null>>;
  summary(query: SummaryQuery): Promise<StoreResult<Summary>>;
  /** What was charged in some time. In the order of calls on this object: it sees each `append` before it, and none after it. */
  spent(query: SpentQuery): Promise<StoreResult<Spent>>;
  facts(query: FactQuery): Promise<StoreResult<FactPage>>;
  /** Which of these ids the store does not have. */
  missing(ids: readonly string[]): Promise<StoreResult<readonly string[]>>;
  /** What was kept aside, latest first. */
  aside(limit: number): Promise<StoreResult<readonly SetAside[]>>;
  /** Reads everything: seconds for millions of facts. */
  check(): Promise<StoreResult<Health>>;
  /** Makes the running sums anew from the facts. */
  rebuild(): Promise<StoreResult<null>>;
  close(): Promise<void>;
}
