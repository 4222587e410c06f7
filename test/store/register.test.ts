import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import t, { type Test } from 'tap';
import { type Ledger, openLedger } from '../../lib/store/index.ts';
import { within } from '../deadline/index.ts';
import { checkTampering } from './check-tampering.ts';
import { must, problemOf } from './must.ts';
import { registerConformance } from './register-conformance.ts';
import { AT_MS, draftOf, newKey } from './register-sample.ts';

const WRITER = join(import.meta.dirname, 'endless-keys.ts');

function openAt(t: Test, file: string, busyMs = 5000): Ledger {
  const ledger = openLedger(`sqlite:${file}`, { busyMs });
  t.teardown(() => ledger.close());
  return ledger;
}

await registerConformance(t, 'sqlite', t => {
  const file = join(t.testdir(), 'weir.db');
  return { open: () => openAt(t, file) };
});

/** A store whose chain has five entries, closed, and a connection that may do anything to it. */
async function tampered(t: Test): Promise<{ readonly file: string; readonly database: DatabaseSync }> {
  const file = join(t.testdir(), 'weir.db');
  const ledger = openLedger(`sqlite:${file}`);
  for (let i = 1; i <= 5; i++) await must(ledger.register.record(draftOf({ requestId: `r-${i}` })));
  await ledger.close();
  const database = new DatabaseSync(file);
  t.teardown(() => database.close());
  return { file, database };
}

t.test('entries can neither be changed nor removed in the file itself', async t => {
  const { database } = await tampered(t);
  t.throws(() => database.exec("UPDATE audit SET time = ''"), /never changed/);
  t.throws(() => database.exec('DELETE FROM audit'), /never removed/);
});

t.test('whatever is done to a row of the chain, verifying names it', async t => {
  const { file, database } = await tampered(t);
  database.exec('DROP TRIGGER audit_stays; DROP TRIGGER audit_lasts');
  await checkTampering(t, {
    run: async sql => database.exec(sql),
    verify: async expected => {
      const ledger = openLedger(`sqlite:${file}`, { readOnly: true });
      const verdict = await must(ledger.register.verifyAudit(expected));
      await ledger.close();
      return verdict;
    },
  });
});

t.test('the record and its entry are both there or neither is', async t => {
  const file = join(t.testdir(), 'weir.db');
  const { register } = openAt(t, file);
  await must(register.changeKey('a', { kind: 'create', key: newKey('a') }, draftOf()));
  const database = new DatabaseSync(file);
  t.teardown(() => database.close());
  for (const table of ['audit', 'keys']) {
    for (const when of ['INSERT', 'UPDATE'])
      database.exec(
        `CREATE TRIGGER fault_${when} AFTER ${when} ON ${table} BEGIN SELECT RAISE(ABORT, 'fault'); END`,
      );
    const successor = newKey('c');
    for (const change of [
      { kind: 'create', key: newKey('b') },
      { kind: 'disable', atMs: AT_MS },
      { kind: 'rotate', atMs: AT_MS, endsMs: AT_MS, successor },
    ] as const) {
      const jti = change.kind === 'create' ? 'b' : 'a';
      t.match(
        await problemOf(register.changeKey(jti, change, draftOf())),
        /fault/,
        `${table} ${change.kind}`,
      );
    }
    database.exec('DROP TRIGGER fault_INSERT; DROP TRIGGER fault_UPDATE');
    t.equal((await must(register.auditHead())).seq, 1);
    t.strictSame([await must(register.key('b')), await must(register.key('c'))], [null, null]);
    t.hasStrict(await must(register.key('a')), { disabledMs: null, endsMs: null });
  }
});

t.test('a locked store changes nothing and says so', async t => {
  const file = join(t.testdir(), 'weir.db');
  const { register } = openAt(t, file, 200);
  await must(register.record(draftOf()));
  const other = new DatabaseSync(file);
  t.teardown(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  t.match(await problemOf(register.record(draftOf())), /locked/);
  const created = register.changeKey('a', { kind: 'create', key: newKey('a') }, draftOf());
  t.match(await problemOf(created), /locked/);
  t.equal(await must(register.key('a')), null, 'reading goes on');
  other.exec('COMMIT');
  t.equal((await must(register.record(draftOf()))).seq, 2);
});

t.test('kill -9 leaves as many keys as entries, and a whole chain', async t => {
  const file = join(t.testdir(), 'weir.db');
  let before = 0;
  for (const keys of [1, 9, 30]) {
    const acknowledged = await within(writeAndKill(file, before, keys), 'a killed writer', 60_000);
    const ledger = openLedger(`sqlite:${file}`);
    const { head, broken } = await must(ledger.register.verifyAudit(null));
    await ledger.close();
    const database = new DatabaseSync(file);
    const found = Number(database.prepare('SELECT count(*) AS n FROM keys').get()!.n);
    database.close();
    t.equal(broken, null);
    t.equal(head.seq, found);
    t.ok(found >= acknowledged, `${found} found, ${acknowledged} acknowledged`);
    before = found;
  }
});

/** Lets a writer make keys, then kills it. Gives the number of the last one it was told is there. */
async function writeAndKill(file: string, from: number, keys: number): Promise<number> {
  const child = spawn(process.execPath, [WRITER, file, String(from)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exit = once(child, 'exit');
  let acknowledged = 0;
  let seen = 0;
  for await (const line of createInterface(child.stdout)) {
    acknowledged = Number(line);
    if (++seen === keys) child.kill('SIGKILL');
  }
  await exit;
  return acknowledged;
}
