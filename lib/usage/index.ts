export { factOf } from './fact-of.ts';
export { type UsageSettings, usageFeature } from './feature.ts';
export { journalLine } from './journal.ts';
export { Settler } from './settler.ts';
export { openTap } from './tap.ts';
