export { type AdminCall, adminFact, factOf } from './fact-of.ts';
export { type UsageSettings, usageFeature } from './feature.ts';
export { journalLine } from './journal.ts';
export { Settler } from './settler.ts';
export { tapOpener } from './tap.ts';
