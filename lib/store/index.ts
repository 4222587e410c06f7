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
  type Ledger,
  type SetAside,
  type StoreResult,
  SUMMARY_ROWS_MAX,
  type Summary,
  type SummaryQuery,
  type SummaryRow,
} from './ledger.ts';
export { type LedgerOptions, openLedger } from './open-ledger.ts';
export { placeOf, type StoreUrl, storeUrlFault } from './store-url.ts';
