import { systemClock } from '../../../lib/base/index.ts';
import { DenySet } from '../../../lib/keys/deny/deny-set.ts';
import { SnapshotFile } from '../../../lib/keys/deny/snapshot-file.ts';

/** Denies one key after the other, and says of each when it is on disk. Until it is killed. */
const [path, from] = process.argv.slice(2) as [string, string];
const set = new DenySet(systemClock);
const file = new SnapshotFile({ path, set, clock: systemClock, warn: () => {} });
const deny = (id: string): void =>
  set.put(set.local, set.named('key', id), { reason: 'x', untilMs: null, issuedBeforeMs: null }, 0);

// Enough that a write takes several steps.
for (let i = 0; i < 20_000; i++) deny(`filling ${i}`);
for (let i = 1; i <= Number(from); i++) deny(`acknowledged ${i}`);
for (let i = Number(from) + 1; ; i++) {
  deny(`acknowledged ${i}`);
  const problem = await file.save();
  if (problem !== null) throw new Error(problem);
  console.log(i);
}
