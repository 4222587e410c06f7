export { type AdminCall, adminFact, recordedOf, recordedPath } from './admin-fact.ts';
export { usedTokens } from './estimate-usage.ts';
export { FACT_CSV_HEAD, factCsvLine } from './export/csv.ts';
export { EXPORT_FORMATS, type ExportFormat } from './export/fact-file.ts';
export { readSigningKey, type SigningKey } from './export/signing-key.ts';
export { verifyExport } from './export/verify-export.ts';
export { type ExportOrder, writeExport, writeFactFile } from './export/write-export.ts';
export {
  DEFAULT_DIMENSIONS,
  DIMENSION_WORDS,
  type FilterWords,
  readDimensions,
  readFilter,
  readRows,
  WordFault,
} from './fact-filter.ts';
export { factOf } from './fact-of.ts';
export { usageFeature } from './feature.ts';
export { type BootReport, checkJournal, type JournalReport } from './journal-check.ts';
export { journalLine } from './journal-line.ts';
export { JournalTail, type TailedFact } from './journal-tail.ts';
export { costOf } from './price-exchange.ts';
export type { UsageSettings } from './settings.ts';
export { Settler } from './settler.ts';
export { checkStore, type StoreReport } from './store-check.ts';
export { tagsOf } from './tags-of.ts';
export { tapOpener } from './tap.ts';
export { usageFaults } from './usage-faults.ts';
