import { openLedger } from '../../lib/store/index.ts';
import { factTexts } from './fact-text.ts';

/** Appends batches of ten until it is killed, and prints the last number of each that the store has acknowledged. */
const ledger = openLedger(process.argv[2]!);
for (let first = Number(process.argv[3]); ; first += 10) {
  const last = first + 9;
  const result = await ledger.append(factTexts(first, last), [{ sink: 'test', place: 'p', position: last }]);
  if (!result.ok) throw new Error(result.problem);
  process.stdout.write(`${last}\n`);
}
