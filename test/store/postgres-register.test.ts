import t, { type Test } from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { linkTo } from '../../lib/store/audit-chain.ts';
import {
  EMPTY_HEAD,
  type KeyChange,
  type Ledger,
  type LedgerOptions,
  openLedger,
} from '../../lib/store/index.ts';
import { within } from '../deadline/index.ts';
import { FaultProxy, postgresFor, sessionAt, untilOneWaits } from '../postgres/index.ts';
import { checkTampering } from './check-tampering.ts';
import { factText } from './fact-text.ts';
import { must, problemOf } from './must.ts';
import { registerConformance } from './register-conformance.ts';
import { AT_MS, draftOf, HOUR_MS, newKey } from './register-sample.ts';

const server = await postgresFor(t);

function openAt(t: Test, database: string, options?: LedgerOptions, port = server.port): Ledger {
  const ledger = openLedger(new Secret(server.url(database, port)), options);
  t.teardown(() => ledger.close());
  return ledger;
}

await registerConformance(t, 'postgres', async t => {
  const database = await server.database();
  return { open: () => openAt(t, database) };
});

t.test('two gateways that change and record at once make one whole chain', async t => {
  const database = await server.database();
  const ledgers = [openAt(t, database, { busyMs: 30_000 }), openAt(t, database, { busyMs: 30_000 })];
  const numbers = Array.from({ length: 50 }, (_, i) => i);
  const work = ledgers.flatMap(({ register }, who) =>
    numbers.flatMap(i => {
      const key = newKey(`key-${who}-${i}`);
      return [
        must(register.record(draftOf({ requestId: `r-${who}-${i}` }))),
        must(register.changeKey(key.jti, { kind: 'create', key }, draftOf())),
      ];
    }),
  );
  // Facts move last uses while records change.
  const uses = ledgers.map((ledger, who) =>
    must(
      ledger.append(
        numbers.map(i => factText(who * 100 + i, { keyId: `key-${1 - who}-${i}`, auth: 'virtual' })),
        [],
      ),
    ),
  );
  await within(Promise.all([...work, ...uses]), 'all to be written', 60_000);
  const { head, broken } = await must(ledgers[1]!.register.verifyAudit(null));
  t.strictSame([head.seq, broken], [200, null]);
  const { entries } = await must(ledgers[0]!.register.audit({ after: 0, limit: 1000 }));
  t.strictSame(
    entries.map(({ seq }) => seq),
    Array.from({ length: 200 }, (_, i) => i + 1),
  );
  const { keys } = await must(ledgers[0]!.register.keys({ nowMs: AT_MS, limit: 1000 }));
  t.equal(new Set(keys.map(({ revision }) => revision)).size, 100, 'each record has an entry of its own');
  for (const { jti, revision } of keys) t.match(entries[revision - 1]!.payload, `"jti":"${jti}"`);
});

t.test('two gateways that want the same: one gets it, the other hears why not', async t => {
  const database = await server.database();
  const registers = [openAt(t, database).register, openAt(t, database).register];
  const both = (change: (who: number) => KeyChange) =>
    Promise.all(registers.map((register, who) => must(register.changeKey('a', change(who), draftOf()))));
  const created = await both(() => ({ kind: 'create', key: newKey('a') }));
  t.strictSame(created.map(({ ok }) => ok).sort(), [false, true]);
  const rotated = await both(who => ({
    kind: 'rotate',
    atMs: AT_MS,
    endsMs: AT_MS + HOUR_MS,
    successor: newKey(`b-${who}`),
  }));
  t.strictSame(rotated.map(one => (one.ok ? 'made' : one.refused)).sort(), ['made', 'replaced']);
  const off = await both(() => ({ kind: 'disable', atMs: AT_MS }));
  t.strictSame(off.map(one => one.ok && one.isChanged).sort(), [false, true]);
  t.equal((await must(registers[0]!.auditHead())).seq, 3);
});

t.test(
  'many gateways bring uses of the same keys at once: the latest stays, and none stops another',
  async t => {
    const database = await server.database();
    const ledgers = Array.from({ length: 6 }, () => openAt(t, database, { busyMs: 14_000 }));
    const jtis = Array.from({ length: 40 }, (_, i) => `key-${i}`);
    for (const jti of jtis)
      await must(ledgers[0]!.register.changeKey(jti, { kind: 'create', key: newKey(jti) }, draftOf()));
    const appends = ledgers.flatMap((ledger, who) =>
      Array.from({ length: 5 }, (_, round) => {
        const order = (who + round) % 2 === 0 ? jtis : jtis.toReversed();
        const texts = order.map((keyId, i) =>
          factText((who * 5 + round) * 100 + i, {
            keyId,
            auth: 'virtual',
            // Sums of their own: else these make them wait for each other.
            modelServed: `m-${who}`,
            time: new Date(AT_MS + ((who * 5 + round * 7) % 31) * 1000).toISOString(),
          }),
        );
        return must(ledger.append(texts, []));
      }),
    );
    await within(Promise.all(appends), 'the facts', 60_000);
    const { keys } = await must(ledgers[0]!.register.keys({ nowMs: AT_MS, limit: 1000 }));
    const latestMs = Math.max(
      ...Array.from({ length: 30 }, (_, i) => (Math.trunc(i / 5) * 5 + (i % 5) * 7) % 31),
    );
    t.strictSame(
      keys.map(({ lastUsedMs }) => lastUsedMs! - AT_MS),
      jtis.map(() => latestMs * 1000),
    );
    const counted = `SELECT deadlocks::int FROM pg_stat_database WHERE datname = '${database}'`;
    await Promise.all(ledgers.map(ledger => ledger.close()));
    t.equal((await server.sql('postgres', counted))[0]!.deadlocks, 0);
  },
);

t.test('a use that waited for a later one leaves it', async t => {
  const database = await server.database();
  const ledger = openAt(t, database);
  await must(ledger.register.changeKey('a', { kind: 'create', key: newKey('a') }, draftOf()));
  const other = await sessionAt(t, server, database);
  await other.query(`BEGIN; UPDATE weir.keys SET last_used_ms = ${AT_MS + 2}`);
  const time = new Date(AT_MS + 1).toISOString();
  const appended = ledger.append([factText(1, { keyId: 'a', auth: 'virtual', time })], []);
  await untilOneWaits(server, database);
  await other.query('COMMIT');
  t.equal((await must(appended)).added, 1);
  t.equal((await must(ledger.register.key('a')))!.lastUsedMs, AT_MS + 2);
});

t.test('the answer to COMMIT is lost: it is looked up, so a change is told as what it is', async t => {
  const database = await server.database();
  const proxy = await FaultProxy.lay(t, server.port);
  const { register } = openAt(t, database, {}, proxy.port);
  await must(register.auditHead());
  const change = (jti: string, what: KeyChange) => register.changeKey(jti, what, draftOf());
  proxy.cutAfterCommit = 1;
  const created = await must(change('a', { kind: 'create', key: newKey('a') }));
  t.hasStrict(created, { ok: true, isChanged: true, records: [{ jti: 'a', revision: 1 }] });
  proxy.cutAfterCommit = 1;
  const successor = newKey('b');
  const rotated = await must(
    change('a', { kind: 'rotate', atMs: AT_MS, endsMs: AT_MS + HOUR_MS, successor }),
  );
  t.hasStrict(rotated, {
    ok: true,
    records: [
      { jti: 'a', replacedBy: 'b' },
      { jti: 'b', revision: 2 },
    ],
  });
  proxy.cutAfterCommit = 1;
  t.equal((await must(register.record(draftOf()))).seq, 3);
  proxy.cutAfterCommit = 1;
  const refused = await must(change('b', { kind: 'create', key: newKey('b') }));
  t.hasStrict(refused, { ok: false, refused: 'taken' }, 'of what wrote nothing the answer stands');
  t.equal(proxy.cuts, 4);
  const { head, broken } = await must(register.verifyAudit(null));
  t.strictSame([head.seq, broken], [3, null], 'and nothing is there twice');
});

t.test(
  'neither COMMIT nor the look is answered: it is said to be open, and a repeat is harmless',
  async t => {
    const database = await server.database();
    const proxy = await FaultProxy.lay(t, server.port);
    const { register } = openAt(t, database, {}, proxy.port);
    await must(register.changeKey('a', { kind: 'create', key: newKey('a') }, draftOf()));
    // The answers to the COMMIT of the change and to that of the look.
    proxy.cutAfterCommit = 2;
    const off = { kind: 'disable', atMs: AT_MS } as const;
    const open = await register.changeKey('a', off, draftOf());
    t.hasStrict(open, { ok: false, mayBeDone: true });
    t.equal(proxy.cuts, 2);
    t.hasStrict(await must(register.changeKey('a', off, draftOf())), {
      ok: true,
      isChanged: false,
      records: [{ disabledMs: AT_MS, revision: 2 }],
    });
    t.equal((await must(register.auditHead())).seq, 2);
  },
);

t.test('what was not committed is told as not done', async t => {
  const database = await server.database();
  const { register } = openAt(t, database);
  await must(register.record(draftOf()));
  await server.sql(
    database,
    `CREATE FUNCTION weir.die() RETURNS trigger LANGUAGE plpgsql AS $$
       BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;
     CREATE CONSTRAINT TRIGGER die AFTER INSERT ON weir.audit DEFERRABLE INITIALLY DEFERRED
       FOR EACH ROW EXECUTE FUNCTION weir.die()`,
  );
  const result = await register.record(draftOf());
  t.match(result, { ok: false, problem: /terminat/ });
  t.notOk('mayBeDone' in result, 'it was looked up');
  await server.sql(database, 'DROP TRIGGER die ON weir.audit');
  t.equal((await must(register.record(draftOf()))).seq, 2);
});

t.test('entries can neither be changed nor removed in the database itself', async t => {
  const database = await server.database();
  await must(openAt(t, database).register.record(draftOf()));
  for (const statement of [
    "UPDATE weir.audit SET time = ''",
    'DELETE FROM weir.audit',
    'TRUNCATE weir.audit CASCADE',
  ])
    await t.rejects(server.sql(database, statement), /never changed and never removed/, statement);
});

t.test('whatever is done to a row of the chain, verifying names it', async t => {
  const database = await server.database();
  const { register } = openAt(t, database);
  for (let i = 1; i <= 5; i++) await must(register.record(draftOf({ requestId: `r-${i}` })));
  await server.sql(database, 'DROP TRIGGER audit_stays ON weir.audit');
  await checkTampering(t, {
    run: async sql => {
      await server.sql(database, `SET search_path = weir; ${sql}`);
    },
    verify: expected => must(register.verifyAudit(expected)),
  });
});

t.test('a chain of many pages is walked to its end', async t => {
  const database = await server.database();
  const { register } = openAt(t, database);
  await must(register.auditHead());
  await server.sql(database, 'ALTER TABLE weir.audit DISABLE TRIGGER audit_stays');
  let head = EMPTY_HEAD;
  for (const length of [499, 500, 501, 1700]) {
    const rows: object[] = [];
    while (head.seq < length) {
      const { prevHash, ...link } = linkTo(head, draftOf());
      rows.push({ ...link, prev_hash: prevHash });
      head = link;
    }
    await server.sql(
      database,
      `INSERT INTO weir.audit SELECT * FROM json_populate_recordset(NULL::weir.audit, $$${JSON.stringify(rows)}$$)`,
    );
    const whole = await must(register.verifyAudit(null));
    t.strictSame([whole.head.seq, whole.head.hash, whole.broken], [length, head.hash, null]);
  }
  for (const seq of [1700, 1001, 1000, 501, 500]) {
    await server.sql(database, `UPDATE weir.audit SET hash = prev_hash WHERE seq = ${seq}`);
    t.equal((await must(register.verifyAudit(null))).broken?.seq, seq);
  }
});

t.test('the record and its entry are both there or neither is', async t => {
  const database = await server.database();
  const { register } = openAt(t, database);
  await must(register.changeKey('a', { kind: 'create', key: newKey('a') }, draftOf()));
  await server.sql(
    database,
    `CREATE FUNCTION weir.fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fault'; END $$`,
  );
  for (const table of ['audit', 'keys']) {
    await server.sql(
      database,
      `CREATE TRIGGER fault AFTER INSERT OR UPDATE ON weir.${table} FOR EACH ROW EXECUTE FUNCTION weir.fail()`,
    );
    const successor = newKey('c');
    for (const change of [
      { kind: 'create', key: newKey('b') },
      { kind: 'disable', atMs: AT_MS },
      { kind: 'rotate', atMs: AT_MS, endsMs: AT_MS, successor },
    ] as const) {
      const changed = register.changeKey(change.kind === 'create' ? 'b' : 'a', change, draftOf());
      t.match(await problemOf(changed), /fault/, `${table} ${change.kind}`);
    }
    await server.sql(database, `DROP TRIGGER fault ON weir.${table}`);
    t.equal((await must(register.auditHead())).seq, 1);
    t.strictSame([await must(register.key('b')), await must(register.key('c'))], [null, null]);
    t.hasStrict(await must(register.key('a')), { disabledMs: null, endsMs: null });
  }
});

t.test('a chain that another session holds changes nothing and says so', async t => {
  const database = await server.database();
  const { register } = openAt(t, database, { busyMs: 200 });
  await must(register.record(draftOf()));
  const other = await sessionAt(t, server, database);
  await other.query('SELECT pg_advisory_lock(1464158546, 1)');
  t.match(await problemOf(register.record(draftOf())), /lock timeout.*another session holds a lock/);
  t.equal((await must(register.auditHead())).seq, 1, 'reading goes on');
  await other.query('SELECT pg_advisory_unlock(1464158546, 1)');
  t.equal((await must(register.record(draftOf()))).seq, 2);
});
