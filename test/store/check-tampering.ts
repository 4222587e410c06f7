import type { Test } from 'tap';
import type { AuditHead, ChainVerdict } from '../../lib/store/index.ts';

/** A chain of five entries whose triggers are gone. */
export interface TamperLab {
  run(sql: string): Promise<void>;
  verify(expected: AuditHead | null): Promise<ChainVerdict>;
}

const FORGED = '{"action":"POST /keys","seq":3,"time":"2026-11-21T10:00:00.000Z"}';

/** What is done, and the entry that does not follow any more. */
const TRICKS: readonly (readonly [sql: string, seq: number])[] = [
  ["UPDATE audit SET payload = replace(payload, 'ann', 'bob') WHERE seq = 3", 3],
  [`UPDATE audit SET payload = '${FORGED}' WHERE seq = 3`, 3],
  ["UPDATE audit SET time = '2026-11-21T10:00:00.001Z' WHERE seq = 2", 2],
  [`UPDATE audit SET hash = '${'a'.repeat(64)}' WHERE seq = 4`, 4],
  [`UPDATE audit SET prev_hash = '${'b'.repeat(64)}' WHERE seq = 1`, 1],
  ['UPDATE audit SET seq = 9 WHERE seq = 5', 9],
  ['DELETE FROM audit WHERE seq = 1', 2],
  ['DELETE FROM audit WHERE seq = 3', 4],
  ['INSERT INTO audit SELECT 6, time, payload, hash, hash FROM audit WHERE seq = 5', 6],
  ['UPDATE audit SET seq = -seq WHERE seq IN (2, 3)', -3],
];

export async function checkTampering(t: Test, { run, verify }: TamperLab): Promise<void> {
  await run('CREATE TABLE kept AS SELECT * FROM audit');
  for (const [sql, seq] of TRICKS) {
    await run(sql);
    const { broken } = await verify(null);
    t.equal(broken?.seq, seq, `${sql}: ${broken?.problem}`);
    await run('DELETE FROM audit; INSERT INTO audit SELECT * FROM kept');
  }
  const { head, broken } = await verify(null);
  t.strictSame([head.seq, broken], [5, null], 'and it is whole without them');
  await run('DELETE FROM audit WHERE seq = 5');
  t.equal((await verify(null)).broken, null, 'a cut end needs a head from elsewhere');
  t.equal((await verify(head)).broken?.seq, 5);
}
