export { type JournalLine, type JournalReading, readJournal } from './journal.ts';
export { factOf, type LogLine } from './log-line.ts';
export { type Exit, startWeir, type WeirOptions, WeirProcess } from './weir-process.ts';
