import { join } from 'node:path';
import t, { type Test } from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { MIGRATIONS } from '../../lib/store/engines/postgres/migrations/index.ts';
import { type Ledger, type LedgerOptions, openLedger } from '../../lib/store/index.ts';
import { PASSWORD, PostgresServer, postgresFor } from '../postgres/index.ts';
import { selfSigned } from '../upstream/index.ts';
import { conformance } from './conformance.ts';
import { factText, factTexts } from './fact-text.ts';
import { must, problemOf } from './must.ts';
import { checkRunningSums } from './running-sums.ts';

const server = await postgresFor(t);

function openAtUrl(t: Test, url: Secret, options?: LedgerOptions): Ledger {
  const ledger = openLedger(url, options);
  t.teardown(() => ledger.close());
  return ledger;
}

function openAt(t: Test, database: string, options?: LedgerOptions): Ledger {
  return openAtUrl(t, new Secret(server.url(database)), options);
}

const ID = 'box:00000000000000aa:';

await conformance(t, 'postgres', async t => {
  const database = await server.database();
  return { open: () => openAt(t, database) };
});

t.test('running sums equal a rebuild, whatever came and however often', async t => {
  const database = await server.database();
  const rows = () =>
    Promise.all([
      server.sql(database, 'SELECT * FROM weir.rollup ORDER BY span, day, series'),
      server.sql(database, 'SELECT * FROM weir.tag_rollup ORDER BY tag, span, day, series'),
    ]);
  await checkRunningSums(t, openAt(t, database), rows, 15);
});

t.test('a wrong sum is found and made right', async t => {
  const database = await server.database();
  const ledger = openAt(t, database);
  await must(ledger.append([factText(1), factText(2, { subject: 'bob', tags: { team: 'a' } })], []));
  await server.sql(
    database,
    `UPDATE weir.rollup SET input_tokens = input_tokens + 1 WHERE series = 1 AND span = 'month';
     UPDATE weir.tag_rollup SET charged_nanos = 0 WHERE span = 'day'`,
  );
  t.equal((await must(ledger.check())).wrongSums, 2);
  await must(ledger.rebuild());
  t.equal((await must(ledger.check())).wrongSums, 0);
});

t.test('a fact can neither be changed nor removed in the database itself', async t => {
  const database = await server.database();
  await must(openAt(t, database).append([factText(1)], []));
  for (const statement of [
    'UPDATE weir.facts SET input_tokens = 0',
    'DELETE FROM weir.facts',
    'TRUNCATE weir.facts',
    "UPDATE weir.series SET subject = 'mallory'",
    'DELETE FROM weir.tags',
  ])
    await t.rejects(server.sql(database, statement), /never changed and never removed/, statement);
  t.equal((await server.sql(database, 'SELECT FROM weir.facts')).length, 1);
});

t.test('a look changes nothing and makes nothing', async t => {
  const database = await server.database();
  const look = openAt(t, database, { readOnly: true });
  t.match(await problemOf(look.summary({ by: [], limit: 1 })), /nothing was stored yet/);
  const schemas = () =>
    server.sql(database, "SELECT FROM information_schema.schemata WHERE schema_name = 'weir'");
  t.equal((await schemas()).length, 0);
  await must(openAt(t, database).append(factTexts(1, 3), []));
  t.equal((await must(look.summary({ by: [], limit: 1 }))).rows[0]!.requests, 3, 'beside the one who writes');
  t.match(await problemOf(look.append([factText(4)], [])), /read-only/);
  t.match(await problemOf(look.rebuild()), /read-only/);
});

t.test('what is not ours stays as it is', async t => {
  const database = await server.database();
  await server.sql(
    database,
    'CREATE TABLE facts (x int); CREATE SCHEMA weir; CREATE TABLE weir.facts (x int)',
  );
  t.match(await problemOf(openAt(t, database).append([factText(1)], [])), /no store of Weir/);
  const tables = await server.sql(database, "SELECT FROM pg_tables WHERE schemaname = 'weir'");
  t.equal(tables.length, 1);
  await server.sql(database, 'DROP TABLE weir.facts');
  t.equal((await must(openAt(t, database).append([factText(1)], []))).added, 1, 'an empty schema is for us');
  t.equal((await server.sql(database, 'SELECT FROM public.facts')).length, 0);
});

t.test('a store of a newer version is refused', async t => {
  const database = await server.database();
  await must(openAt(t, database).append([factText(1)], []));
  await server.sql(database, 'INSERT INTO weir.migrations (number) VALUES (999)');
  t.match(await problemOf(openAt(t, database).append([factText(2)], [])), /newer Weir/);
  t.match(await problemOf(openAt(t, database, { readOnly: true }).check()), /newer Weir/);
});

t.test('a database that cannot hold every text is refused', async t => {
  const database = await server.database("ENCODING 'LATIN1' TEMPLATE template0");
  t.match(await problemOf(openAt(t, database).append([factText(1)], [])), /LATIN1: a store needs UTF8/);
});

t.test('many that begin at once make one store', async t => {
  const database = await server.database();
  const ledgers = Array.from({ length: 12 }, () => openAt(t, database));
  const results = await Promise.all(ledgers.map((ledger, i) => must(ledger.append([factText(i)], []))));
  t.ok(results.every(({ added }) => added === 1));
  const applied = await server.sql(database, 'SELECT number FROM weir.migrations ORDER BY number');
  t.strictSame(
    applied.map(({ number }) => number),
    MIGRATIONS.map(({ number }) => number),
  );
  t.hasStrict(await must(ledgers[0]!.check()), { facts: 12, wrongSums: 0 });
});

t.test('no text stops the others: U+0000, half characters, any length', async t => {
  const ledger = openAt(t, await server.database());
  // Random, since the server compresses what repeats itself.
  const long = Array.from({ length: 20_000 }, () =>
    String.fromCodePoint(0x4e00 + Math.trunc(Math.random() * 20_000)),
  );
  const model = long.join('');
  const facts = [
    factText(1, { subject: 'a\0b' }),
    factText(2, { subject: 'a\ud800b' }),
    factText(3, { modelRequested: model, modelServed: `${model}x` }),
    factText(4, {
      subject: 'a\0b',
      tags: { '\0': '\0', '\ufffd': '\ufffd', '\ud800': model, [model]: '"\\' },
    }),
  ];
  const odd = [`{"v":1,"outcome":"\0${model}"}`, `"${model}"`, factText(5, { id: `${ID}\0` })];
  t.hasStrict(await must(ledger.append([...facts, ...odd], [])), { added: 4, invalid: 3 });
  t.hasStrict(await must(ledger.append([...facts, ...odd], [])), { duplicates: 4, invalid: 3 });
  const other = factText(1, { modelRequested: model });
  t.equal((await must(ledger.append([other], []))).conflicts, 1);
  t.strictSame((await must(ledger.facts({ limit: 10 }))).facts, facts, 'word for word');
  t.equal((await must(ledger.summary({ by: [], limit: 1, subject: 'a\0b' }))).rows[0]!.requests, 3);
  t.equal((await must(ledger.summary({ by: [], limit: 1, modelRequested: model }))).rows[0]!.requests, 1);
  t.equal((await must(ledger.aside(10))).length, 4);
  const tagged = {
    sinceMs: 0,
    untilMs: null,
    except: [],
    scope: { of: 'tag', tag: '\0', is: '\0' },
  } as const;
  t.equal((await must(ledger.spent(tagged))).requests, 1);
  t.equal((await must(ledger.check())).wrongSums, 0);
  await must(ledger.rebuild());
  t.equal((await must(ledger.spent(tagged))).requests, 1);
  t.strictSame(await must(ledger.missing([`${ID}1`, `${ID}\0`])), [`${ID}\0`]);
});

t.test('sums go on past 64 bits', async t => {
  const ledger = openAt(t, await server.database());
  const most = Number.MAX_SAFE_INTEGER;
  const members = { costNanos: most, inputTokens: most, refusals: most, tags: { team: 'a' } };
  await must(ledger.append(factTexts(1, 700, members), []));
  await must(ledger.append(factTexts(701, 1400, members), []));
  const { rows } = await must(ledger.summary({ by: ['month'], limit: 1 }));
  t.equal(rows[0]!.costNanos, 1400n * BigInt(most));
  t.equal((await must(ledger.check())).wrongSums, 0);
});

t.test('facts of one moment come as they were appended', async t => {
  const ledger = openAt(t, await server.database());
  const texts = [12, 3, 1, 20, 7].map(seq => factText(seq));
  await must(ledger.append(texts, []));
  await must(ledger.append([factText(2)], []));
  t.strictSame((await must(ledger.facts({ limit: 10 }))).facts, [...texts, factText(2)]);
});

t.test('what the server, the database or the user is set to changes nothing', async t => {
  const database = await server.database(
    "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US' TEMPLATE template0",
  );
  for (const setting of [
    "default_transaction_isolation = 'serializable'",
    "timezone = 'Pacific/Auckland'",
    "datestyle = 'German'",
    "intervalstyle = 'sql_standard'",
    'synchronous_commit = off',
    'search_path = public',
    'extra_float_digits = 0',
  ])
    await server.sql('postgres', `ALTER DATABASE ${database} SET ${setting}`);
  const ledger = openAt(t, database);
  await must(
    ledger.append(
      [
        factText(1, { subject: 'a', time: '2026-10-31T23:59:59.999Z' }),
        factText(2, { subject: 'B', time: '2026-11-01T00:00:00.000Z' }),
        factText(3, { subject: 'a', time: '2026-11-01T11:00:00.000Z' }),
        factText(4, { subject: null, time: '2026-11-01T11:00:00.000Z' }),
      ],
      [],
    ),
  );
  const { rows } = await must(ledger.summary({ by: ['month', 'day', 'subject'], limit: 10 }));
  t.strictSame(
    rows.map(({ group }) => Object.values(group)),
    [
      ['2026-10', '2026-10-31', 'a'],
      ['2026-11', '2026-11-01', null],
      ['2026-11', '2026-11-01', 'B'],
      ['2026-11', '2026-11-01', 'a'],
    ],
  );
  t.equal((await must(ledger.check())).wrongSums, 0);
});

t.test('a user with the least rights', async t => {
  const database = await server.database();
  await must(openAt(t, database).append([factText(1)], []));
  await server.sql(
    database,
    `CREATE ROLE reader LOGIN PASSWORD 'reads-only'; GRANT USAGE ON SCHEMA weir TO reader;
     GRANT SELECT ON ALL TABLES IN SCHEMA weir TO reader; CREATE ROLE nobody LOGIN PASSWORD 'has-nothing'`,
  );
  const as = (user: string, password: string, options: LedgerOptions): Ledger => {
    const url = `postgres://${user}:${password}@127.0.0.1:${server.port}/${database}`;
    return openAtUrl(t, new Secret(url), options);
  };
  const look = as('reader', 'reads-only', { readOnly: true });
  t.equal((await must(look.summary({ by: [], limit: 1 }))).rows[0]!.requests, 1);
  t.match(await problemOf(as('reader', 'reads-only', {}).append([factText(2)], [])), /permission denied/);
  t.match(
    await problemOf(as('nobody', 'has-nothing', {}).append([factText(2)], [])),
    /permission denied.*schema weir/,
  );
});

const tls = selfSigned();
t.test('TLS as the URL says', { skip: tls === null && 'openssl is not installed' }, async t => {
  const secured = await PostgresServer.start(t, { tls: tls! });
  const database = await secured.database();
  const ca = join(t.testdir({ 'ca.pem': tls!.cert }), 'ca.pem');
  const tryWith = async (parameters: string): Promise<string> => {
    const url = new Secret(`${secured.url(database)}?${parameters}`);
    const result = await openAtUrl(t, url).append([factText(1)], []);
    return result.ok ? 'stored' : result.problem;
  };
  t.equal(await tryWith(`sslmode=verify-full&sslrootcert=${ca}`), 'stored');
  t.match(await tryWith('sslmode=verify-full'), /self-signed/);
  t.equal(await tryWith('sslmode=no-verify'), 'stored');
  t.match(await tryWith('sslmode=verify-full&sslrootcert=/nowhere.pem'), /ENOENT.*nowhere/);
  const plain = new Secret(`${server.url(await server.database())}?sslmode=verify-full`);
  t.match(await problemOf(openAtUrl(t, plain).append([factText(1)], [])), /does not support SSL/);
});

t.test('through a unix socket, a place without credentials', async t => {
  const url = new URL(server.url(await server.database()));
  const place = `${url.pathname}?host=${server.folder}&port=${url.port}`;
  const user = `&user=${url.username}&password=${encodeURIComponent(PASSWORD)}`;
  const ledger = openAtUrl(t, new Secret(`postgres://${place}${user}`));
  t.equal((await must(ledger.append([factText(1)], []))).added, 1);
  t.equal(ledger.place, `postgres://${server.folder}${url.pathname}`);
});

t.test('closed is closed, and what was asked before is answered', async t => {
  const ledger = openLedger(new Secret(server.url(await server.database())));
  const asked = ledger.append([factText(1)], []);
  await ledger.close();
  t.equal((await must(asked)).added, 1);
  t.match(await problemOf(ledger.check()), /closed/);
  await ledger.close();
});
