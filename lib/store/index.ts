export {
  type AuditDraft,
  type AuditHead,
  type AuditLink,
  type AuditValue,
  type ChainVerdict,
  EMPTY_HEAD,
} from './audit-chain.ts';
export { isOutcome, OUTCOME_NAMES } from './fact-row.ts';
export {
  KEY_STATES,
  type KeyChange,
  type KeyRecord,
  type KeyRefusal,
  type KeyState,
  keyStateOf,
  type NewKey,
} from './key-record.ts';
export {
  type Appended,
  type CursorMark,
  DIMENSIONS,
  type Dimension,
  FACTS_PER_PAGE_MAX,
  type FactFilter,
  type FactPage,
  type FactQuery,
  type Health,
  type IdSpan,
  isFactCursor,
  type Ledger,
  type SetAside,
  type StoreResult,
  SUMMARY_ROWS_MAX,
  type Summary,
  type SummaryQuery,
  type SummaryRow,
} from './ledger.ts';
export { type LedgerOptions, openLedger } from './open-ledger.ts';
export {
  AUDIT_PER_PAGE_MAX,
  type AuditPage,
  type AuditQuery,
  KEYS_PER_PAGE_MAX,
  type KeyChanged,
  type KeyPage,
  type KeyQuery,
  type Register,
} from './register.ts';
export { placeOf, type StoreUrl, storeUrlFault } from './store-url.ts';
