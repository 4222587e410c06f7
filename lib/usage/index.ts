export { type AdminCall, adminFact, factOf } from './fact-of.ts';
export { type UsageSettings, usageFeature } from './feature.ts';
export { type BootReport, checkJournal, type JournalReport } from './journal-check.ts';
export { journalLine } from './journal-line.ts';
export { JournalTail, type TailedFact } from './journal-tail.ts';
export { Settler } from './settler.ts';
export { tapOpener } from './tap.ts';
