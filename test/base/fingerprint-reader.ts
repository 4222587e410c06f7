import { parentPort, workerData } from 'node:worker_threads';
import { FingerprintTable, fingerprintOf } from '../../lib/base/index.ts';

/** Looks up what another thread keeps in a table while that moves it about, until the round is -1. */
const { buffer, rounds, names } = workerData as {
  buffer: SharedArrayBuffer;
  rounds: SharedArrayBuffer;
  /** The first is there as long as the round is odd and the same. */
  names: readonly (readonly [word: number, home: number])[];
};
const table = new FingerprintTable(buffer);
const round = new Int32Array(rounds);
const prints = names.map(([word, home]) => fingerprintOf(word, home));
let reads = 0;
let missed = 0;
let mixed = 0;

parentPort!.postMessage('reading');
for (;;) {
  const before = Atomics.load(round, 0);
  if (before === -1) break;
  // Mostly the one that stays, by turns with all the others.
  const i = reads % 8 === 0 ? (reads / 8) % prints.length : 0;
  const found = table.lookup(prints[i]!);
  reads++;
  if (found === null && i === 0 && before % 2 === 1 && Atomics.load(round, 0) === before) missed++;
  if (found !== null && (found.low !== i || found.high !== i * 3)) mixed++;
}
parentPort!.postMessage({ reads, missed, mixed });
