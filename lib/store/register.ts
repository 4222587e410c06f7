import type { AuditDraft, AuditHead, AuditLink, ChainVerdict } from './audit-chain.ts';
import type { KeyChange, KeyRecord, KeyRefusal, KeyState } from './key-record.ts';
import type { StoreResult } from './ledger.ts';

/** What came of a change of a key. */
export type KeyChanged =
  /** `records` as they are now, the key's own first; `isChanged` is false where it was so already. */
  | { readonly ok: true; readonly isChanged: boolean; readonly records: readonly KeyRecord[] }
  /** `record` is the one that stands in the way, or of which it was asked. */
  | { readonly ok: false; readonly refused: KeyRefusal; readonly record: KeyRecord | null };

/** Which keys are meant. Absent members restrict nothing. */
export interface KeyQuery {
  readonly subject?: string;
  readonly state?: KeyState;
  /** The moment whose states are meant, Unix time in milliseconds. */
  readonly nowMs: number;
  /** At most so many, 1…KEYS_PER_PAGE_MAX. */
  readonly limit: number;
  /** `next` of the page before. */
  readonly after?: number;
}

export const KEYS_PER_PAGE_MAX = 1000;

export interface KeyPage {
  /** Newest first. */
  readonly keys: readonly KeyRecord[];
  /** Where the next page begins, null on the last. */
  readonly next: number | null;
}

/** Which entries of the audit. */
export interface AuditQuery {
  /** At most so many, 1…AUDIT_PER_PAGE_MAX. */
  readonly limit: number;
  /** Those behind this `seq`; without it the last ones. */
  readonly after?: number;
}

export const AUDIT_PER_PAGE_MAX = 1000;

export interface AuditPage {
  /** By `seq`. */
  readonly entries: readonly AuditLink[];
  /** `after` of the next page, null at the end of the chain. */
  readonly next: number | null;
}

/**
 * Keys on record, and the chain of admin changes. A change of a record and the
 * entry that tells of it are one transaction: both are there or neither is.
 * Entries are never changed and never removed.
 */
export interface Register {
  /** Appends to the chain. A positive answer means that it survives a power cut. */
  record(draft: AuditDraft): Promise<StoreResult<AuditHead>>;
  /** Changes a record, and appends `draft`, whose details gain `keys`: the records as they are then. */
  changeKey(jti: string, change: KeyChange, draft: AuditDraft): Promise<StoreResult<KeyChanged>>;
  key(jti: string): Promise<StoreResult<KeyRecord | null>>;
  keys(query: KeyQuery): Promise<StoreResult<KeyPage>>;
  /** Keys that were ever switched off, on, or replaced and have not expired, with a higher revision than `after`; by revision. */
  switched(after: number, nowMs: number, limit: number): Promise<StoreResult<readonly KeyRecord[]>>;
  audit(query: AuditQuery): Promise<StoreResult<AuditPage>>;
  auditHead(): Promise<StoreResult<AuditHead>>;
  /** Reads the whole chain. `expected` is a head that was kept elsewhere. */
  verifyAudit(expected: AuditHead | null): Promise<StoreResult<ChainVerdict>>;
}
