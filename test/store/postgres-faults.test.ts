import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { type Ledger, type LedgerOptions, openLedger } from '../../lib/store/index.ts';
import { journalLine } from '../../lib/usage/journal-line.ts';
import { Shipper } from '../../lib/usage/ship.ts';
import { within } from '../deadline/index.ts';
import { FaultProxy, PASSWORD, postgresFor, sessionAt, untilOneWaits } from '../postgres/index.ts';
import { factOf, factText, factTexts } from './fact-text.ts';
import { must, problemOf } from './must.ts';

const server = await postgresFor(t);

function openUrl(t: Test, url: string, options?: LedgerOptions): Ledger {
  const ledger = openLedger(new Secret(url), options);
  t.teardown(() => ledger.close());
  return ledger;
}

function openAt(t: Test, database: string, options?: LedgerOptions): Ledger {
  return openUrl(t, server.url(database), options);
}

/** Sessions tell of theirs when they end. */
async function deadlocksIn(database: string): Promise<unknown> {
  const counted = `SELECT deadlocks::int FROM pg_stat_database WHERE datname = '${database}'`;
  return (await server.sql('postgres', counted))[0]!.deadlocks;
}

t.test('the answer to COMMIT is lost: it is said, and sending again leaves one row', async t => {
  const database = await server.database();
  const proxy = await FaultProxy.lay(t, server.port);
  const ledger = openUrl(t, server.url(database, proxy.port));
  await must(ledger.cursors('journal'));
  const batch = factTexts(1, 200);
  const marks = [{ sink: 'journal', place: 'a', position: 9000 }];
  for (let times = 1; times <= 3; times++) {
    proxy.cutAfterCommit = 1;
    t.match(await problemOf(ledger.append(batch, marks)), /terminated|ECONNRESET/);
    t.equal(proxy.cuts, times);
  }
  t.hasStrict(await must(ledger.append(batch, marks)), { added: 0, duplicates: 200, conflicts: 0 });
  t.hasStrict(await must(ledger.check()), { facts: 200, conflicts: 0, wrongSums: 0 });
  t.equal((await must(ledger.cursors('journal'))).get('a'), 9000);
});

t.test('cut off in the middle of a batch: nothing of it is there, and it can be sent again', async t => {
  const database = await server.database();
  const proxy = await FaultProxy.lay(t, server.port);
  const ledger = openUrl(t, server.url(database, proxy.port));
  await must(ledger.append([factText(1)], []));
  proxy.cutAtFacts = 2;
  const marks = [{ sink: 'journal', place: 'a', position: 1 }];
  await problemOf(ledger.append(factTexts(2, 500), marks));
  await problemOf(ledger.append(factTexts(2, 500), marks));
  t.equal(proxy.cuts, 2);
  t.hasStrict(await must(ledger.check()), { facts: 1, wrongSums: 0 });
  t.equal((await must(ledger.cursors('journal'))).size, 0);
  t.equal((await must(ledger.append(factTexts(2, 500), marks))).added, 499);
});

t.test('a shipper behind a cable that breaks brings everything, once', async t => {
  const database = await server.database();
  const proxy = await FaultProxy.lay(t, server.port);
  const folder = t.testdir({ journal: {} });
  const journal = join(folder, 'journal');
  const lines = Array.from({ length: 3500 }, (_, i) => journalLine(factOf(i + 1))).join('');
  writeFileSync(join(journal, 'box-00000000000000aa-0-0.ndjson'), lines);
  const ledger = openUrl(t, server.url(database, proxy.port));
  const shipper = new Shipper({ folder: journal, ledger, warn: () => {} });
  let failures = 0;
  for (let isDone = false; !isDone; ) {
    if (failures < 8) {
      if (failures % 2 === 0) proxy.cutAfterCommit = 1;
      else proxy.cutAtFacts = 1;
    }
    isDone = await within(shipper.pass(), 'a pass');
    if (!isDone) failures++;
  }
  t.equal(failures, 8);
  t.hasStrict(await must(ledger.check()), { facts: 3500, conflicts: 0, invalid: 0, wrongSums: 0 });
});

t.test('two shippers with the same journal, of a cloned disk, bring each fact once', async t => {
  const database = await server.database();
  const folder = t.testdir();
  const journals = ['one', 'two', 'three'].map(name => join(folder, name));
  mkdirSync(journals[0]!);
  for (const [i, boot] of ['aa', 'bb'].entries()) {
    const id = (seq: number) => `box:00000000000000${boot}:${seq}`;
    const lines = Array.from({ length: 1500 }, (_, n) =>
      journalLine(factOf(n, { id: id(n + 1), subject: `s${n % 7}`, costNanos: n + i })),
    );
    writeFileSync(join(journals[0]!, `box-00000000000000${boot}-0-0.ndjson`), lines.join(''));
  }
  for (const copy of journals.slice(1)) cpSync(journals[0]!, copy, { recursive: true });
  const warnings: string[] = [];
  const shippers = journals.map(journal => {
    const warn = ({ message }: { message: string }): number => warnings.push(message);
    return new Shipper({ folder: journal, ledger: openAt(t, database), warn });
  });
  const passes = await within(Promise.all(shippers.map(shipper => shipper.pass())), 'the passes', 60_000);
  t.strictSame(passes, [true, true, true]);
  t.strictSame(warnings, [], 'no problem was seen');
  t.hasStrict(await must(openAt(t, database).check()), {
    facts: 3000,
    conflicts: 0,
    wrongSums: 0,
    spans: [
      { source: 'box:00000000000000aa:', first: 1, last: 1500, facts: 1500 },
      { source: 'box:00000000000000bb:', first: 1, last: 1500, facts: 1500 },
    ],
  });
});

t.test('many gateways append the same at once, each in its own order: no deadlock, right sums', async t => {
  const database = await server.database();
  const ledgers = Array.from({ length: 6 }, () => openAt(t, database, { busyMs: 14_000 }));
  const size = 600;
  for (let round = 0; round < 8; round++) {
    const texts = Array.from({ length: size }, (_, n) => {
      const time = new Date(Date.UTC(2026, n % 12, (n % 28) + 1)).toISOString();
      // Every other round with series that are all new, and all known.
      const tags = { team: `t${n % 5}`, run: `r${round >> 1}-${n % 50}` };
      return factText(round * size + n, {
        subject: `s${round >> 1}-${n}`,
        time,
        ...(n % 3 === 0 && { tags }),
      });
    });
    const results = await Promise.all(
      ledgers.map((ledger, i) => {
        const turned = [...texts.slice(i * 100), ...texts.slice(0, i * 100)];
        const marks = ['a', 'b', 'c'].map(place => ({ sink: 'journal', place, position: i }));
        return must(
          i % 2 === 0 ? ledger.append(turned, marks) : ledger.append(turned.reverse(), marks.reverse()),
        );
      }),
    );
    t.equal(
      results.reduce((sum, { added }) => sum + added, 0),
      size,
    );
    t.ok(results.every(({ added, duplicates }) => added + duplicates === size));
  }
  t.hasStrict(await must(ledgers[0]!.check()), { facts: 8 * size, conflicts: 0, wrongSums: 0 });
  await Promise.all(ledgers.map(ledger => ledger.close()));
  t.equal(await deadlocksIn(database), 0, 'not even one that was got over');
});

t.test('sums made anew while facts come are right', async t => {
  const database = await server.database();
  const ledgers = [openAt(t, database), openAt(t, database)];
  const appends = Array.from({ length: 60 }, (_, i) =>
    must(ledgers[i % 2]!.append(factTexts(i * 20 + 1, i * 20 + 20, { subject: `s${i % 3}` }), [])),
  );
  const rebuilds = Array.from({ length: 6 }, (_, i) => must(ledgers[i % 2]!.rebuild()));
  await Promise.all([...appends, ...rebuilds]);
  t.hasStrict(await must(ledgers[0]!.check()), { facts: 1200, wrongSums: 0 });
});

t.test('the victim of a deadlock begins again by itself', async t => {
  const database = await server.database();
  const ledger = openAt(t, database, { busyMs: 14_000 });
  await must(ledger.append([factText(1)], []));
  const other = await sessionAt(t, server, database);
  // The other one never gives in: the ledger's session must.
  await other.query("SET deadlock_timeout = '1h'");
  await other.query('BEGIN');
  await other.query("UPDATE weir.rollup SET requests = requests WHERE span = 'month'");
  const appended = ledger.append([factText(2)], []);
  await untilOneWaits(server, database);
  await other.query("UPDATE weir.rollup SET requests = requests WHERE span = 'day'");
  await other.query('COMMIT');
  t.equal((await must(appended)).added, 1);
  t.equal(await deadlocksIn(database), 1, 'there was one');
  t.hasStrict(await must(ledger.check()), { facts: 2, wrongSums: 0 });
});

t.test('a lock that another session keeps is a problem, in time, and freezes nobody', async t => {
  const database = await server.database();
  const ledger = openAt(t, database, { busyMs: 300 });
  await must(ledger.append([factText(1)], []));
  const other = await sessionAt(t, server, database);
  await other.query('BEGIN; LOCK TABLE weir.facts IN EXCLUSIVE MODE');
  let turns = 0;
  const ticks = setInterval(() => turns++, 5);
  const problem = await problemOf(ledger.append([factText(2)], []));
  clearInterval(ticks);
  t.match(problem, /lock timeout.*another session holds a lock/);
  t.ok(turns > 10, `the event loop went on: ${turns} turns`);
  await other.query('ROLLBACK');
  t.equal((await must(ledger.append([factText(2)], []))).added, 1);
});

t.test('a server that gives no answer any more is a problem, in time', async t => {
  const database = await server.database();
  const proxy = await FaultProxy.lay(t, server.port);
  const ledger = openUrl(t, server.url(database, proxy.port), { busyMs: 400, timeoutMs: 400 });
  await must(ledger.append([factText(1)], []));
  proxy.stalled = true;
  const start = performance.now();
  t.match(await problemOf(ledger.append([factText(2)], [])), /no answer within 400 ms/);
  t.match(await problemOf(ledger.append([factText(2)], [])), /timeout/, 'nor does it take a new connection');
  const many = await Promise.all(
    Array.from({ length: 20 }, () => problemOf(ledger.append([factText(2)], []))),
  );
  t.equal(many.length, 20);
  const tookMs = performance.now() - start;
  t.ok(tookMs < 10_000, `${Math.round(tookMs)} ms in all`);
  t.ok(proxy.open <= 8, `${proxy.open} connections`);
  proxy.stalled = false;
  t.equal((await must(ledger.append([factText(2)], []))).added, 1);
  t.equal((await must(ledger.check())).facts, 2);
});

t.test('a statement that takes too long is ended by the server', async t => {
  const database = await server.database();
  const ledger = openAt(t, database, { timeoutMs: 1000 });
  await must(ledger.append([factText(1)], []));
  await server.sql(
    database,
    `CREATE FUNCTION weir.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(60); RETURN NULL; END';
     CREATE TRIGGER slow AFTER INSERT ON weir.facts EXECUTE FUNCTION weir.slow()`,
  );
  t.match(await problemOf(ledger.append([factText(2)], [])), /statement timeout|no answer within/);
  await server.sql(database, 'DROP TRIGGER slow ON weir.facts');
  t.equal((await must(ledger.append([factText(2)], []))).added, 1);
});

t.test('a server that is not there yet, or turns away, is a problem until it is there', async t => {
  const database = await server.database();
  const proxy = await FaultProxy.lay(t, server.port);
  proxy.refused = true;
  const ledger = openUrl(t, server.url(database, proxy.port));
  t.match(await problemOf(ledger.cursors('journal')), /terminated|ECONNRESET/);
  t.match(await problemOf(ledger.append([factText(1)], [])), /terminated|ECONNRESET/);
  proxy.refused = false;
  t.equal((await must(ledger.append([factText(1)], []))).added, 1);
  const nowhere = openUrl(t, server.url('nowhere'));
  t.match(await problemOf(nowhere.append([factText(1)], [])), /"nowhere" does not exist \(create it first/);
});

t.test('a server that crashes and comes back', async t => {
  const database = await server.database();
  const ledger = openAt(t, database);
  await must(ledger.append(factTexts(1, 3), []));
  await server.crash();
  t.match(await problemOf(ledger.append([factText(4)], [])), /ECONNREFUSED|terminat/);
  t.match(await problemOf(ledger.summary({ by: [], limit: 1 })), /ECONNREFUSED/);
  await server.restart();
  t.equal((await must(ledger.append(factTexts(1, 5), []))).added, 2);
});

t.test('a session that the server ends disturbs nobody', async t => {
  const database = await server.database();
  const ledger = openAt(t, database);
  await must(ledger.append([factText(1)], []));
  const others = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${database}'`;
  await server.sql('postgres', others);
  // The news may arrive before the next call or with it.
  const result = await within(ledger.append([factText(2)], []), 'the store');
  if (!result.ok) t.match(result.problem, /terminat/);
  await must(ledger.append([factText(2)], []));
  t.equal((await must(ledger.check())).facts, 2);
});

t.test('a server that only reads says so, and takes facts when it writes again', async t => {
  const database = await server.database();
  const ledger = openAt(t, database);
  await must(ledger.append([factText(1)], []));
  await ledger.close();
  await server.sql('postgres', `ALTER DATABASE ${database} SET default_transaction_read_only = on`);
  const again = openAt(t, database);
  t.equal((await must(again.summary({ by: [], limit: 1 }))).rows[0]!.requests, 1, 'it can be read');
  t.match(await problemOf(again.append([factText(2)], [])), /read-only transaction \(it is a standby/);
  await server.sql('postgres', `ALTER DATABASE ${database} RESET default_transaction_read_only`);
  t.equal((await must(again.append([factText(2)], []))).added, 1);
});

t.test('a store that was dropped is made anew', async t => {
  const database = await server.database();
  const ledger = openAt(t, database);
  await must(ledger.append([factText(1)], []));
  await server.sql(database, 'DROP SCHEMA weir CASCADE');
  t.match(await problemOf(ledger.append([factText(2)], [])), /does not exist/);
  t.equal((await must(ledger.append(factTexts(1, 2), []))).added, 2);
});

t.test('a password is in no problem and no place', async t => {
  const wrong = 'WRONG-canary-77';
  const at = `127.0.0.1:${server.port}/weir_1`;
  for (const url of [
    `postgres://weir:${wrong}@${at}`,
    `postgresql://weir@${at}?password=${wrong}`,
    `postgres://weir:${wrong}@127.0.0.1:1/x`,
    `postgres://weir:${wrong}@no-such-host.invalid/x`,
    `postgres://${wrong}:${wrong}@${at}`,
  ]) {
    const ledger = openUrl(t, url);
    const problem = await problemOf(ledger.append([factText(1)], []));
    t.ok(problem.length > 10, problem);
    t.notMatch(problem + ledger.place, new RegExp(`${wrong}|${PASSWORD}`));
    t.match(ledger.place, /^postgres:\/\/[a-z0-9.-]+(:\d+)?\/\w+$/);
  }
  t.match(
    await problemOf(openUrl(t, `postgres://weir:${wrong}@${at}`).check()),
    /authentication failed.*is the password right/,
  );
});

t.test('closing waits for what is under way, and not for a server that is gone', async t => {
  const database = await server.database();
  const proxy = await FaultProxy.lay(t, server.port);
  const ledger = openLedger(new Secret(server.url(database, proxy.port)), { timeoutMs: 500 });
  await must(ledger.append([factText(1)], []));
  proxy.stalled = true;
  const asked = ledger.append([factText(2)], []);
  await within(ledger.close(), 'the end', 5000);
  t.match(await problemOf(asked), /no answer/);
});
