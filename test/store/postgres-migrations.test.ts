import t from 'tap';
import { Secret } from '../../lib/base/index.ts';
import type { Fact } from '../../lib/pipeline/index.ts';
import { MIGRATIONS } from '../../lib/store/engines/postgres/migrations/index.ts';
import { type LedgerOptions, openLedger } from '../../lib/store/index.ts';
import { PostgresServer, postgresMissing, sessionAt, untilOneWaits } from '../postgres/index.ts';
import { factText } from './fact-text.ts';
import { must, problemOf } from './must.ts';
import { draftOf } from './register-sample.ts';

const skip = postgresMissing();
if (skip !== false) {
  t.plan(0, skip);
  process.exit(0);
}
const server = await PostgresServer.start(t);

const ODD = { 'q"\\\n\t\u0001': 'ü\u2028/\u007f😀', team: 'a' };
const TEXTS: readonly string[] = [
  factText(1, { tags: { team: 'a' } }),
  factText(2, {
    tags: { team: 'b' },
    outcome: 'refused',
    attempts: 0,
    inputTokens: null,
    outputTokens: null,
    costNanos: null,
  }),
  factText(3, { tags: ODD, costNanos: null, time: '2026-10-01T00:00:00.000Z' }),
  factText(4),
  // Nothing that PostgreSQL reads out of JSON.
  factText(5, { tags: { team: '\0' } }),
];

/** A database as the first version left it. */
async function firstVersion(): Promise<string> {
  const database = await server.database();
  const run = (sql: string) => server.sql(database, `SET search_path = weir; ${sql}`);
  await run(`CREATE SCHEMA weir; CREATE TABLE migrations (number integer PRIMARY KEY);
    ${MIGRATIONS[0]!.sql}; INSERT INTO migrations VALUES (1);
    INSERT INTO series (name, kind, subject) VALUES ('s', 'request', 'alice')`);
  const rows = TEXTS.map((text, i) => {
    const { id, time, outcome, inputTokens, outputTokens, costNanos } = JSON.parse(text) as Fact;
    const stated = [inputTokens, outputTokens, costNanos].map(count => count ?? 'NULL').join(', ');
    return `(${i + 1}, '${id}', ${Date.parse(time)}, 1, '${outcome}', 'provider', 1, ${stated}, $json$${text}$json$)`;
  });
  await run(`INSERT INTO facts (number, id, time_ms, series, outcome, usage_source, requests, input_tokens,
    output_tokens, cost_nanos, payload) VALUES ${rows.join(', ')}; SELECT setval('fact_numbers', 5)`);
  const month =
    "date_trunc('month', to_timestamp(time_ms / 1000) AT TIME ZONE 'UTC')::date - DATE '1970-01-01'";
  for (const [span, day] of [
    ['day', 'time_ms / 86400000'],
    ['month', month],
  ])
    await run(`INSERT INTO rollup (span, day, series, requests, refused, failed, aborted, lost, unmetered,
        estimated, unpriced, input_tokens, output_tokens, cost_nanos)
      SELECT '${span}', ${day}, series, sum(requests), sum((outcome = 'refused')::int), 0, 0, 0, 0, 0,
        sum((cost_nanos IS NULL)::int), sum(input_tokens), sum(output_tokens), sum(cost_nanos)
      FROM facts GROUP BY 2, 3`);
  return database;
}

function open(database: string, options?: LedgerOptions) {
  const ledger = openLedger(new Secret(server.url(database)), options);
  t.teardown(() => ledger.close());
  return ledger;
}

t.test('a store of the first version is brought to this one: its facts count as what they used', async t => {
  const database = await firstVersion();
  const look = open(database, { readOnly: true });
  t.match(await problemOf(look.check()), /has schema 1: serve once with this version/);
  const ledger = open(database);
  t.hasStrict(await must(ledger.check()), { facts: 5, wrongSums: 0 });
  const spent = async (tag: string | null, is = '') => {
    const scope = tag === null ? ({ of: 'all' } as const) : ({ of: 'tag', tag, is } as const);
    return must(ledger.spent({ scope, sinceMs: 0, untilMs: null, except: [] }));
  };
  t.strictSame(await spent(null), { requests: 4, tokens: 60, costNanos: 3000n });
  t.strictSame(await spent('team', 'a'), { requests: 2, tokens: 30, costNanos: 1000n });
  const tags = await server.sql(database, 'SELECT FROM weir.tags');
  t.equal(tags.length, 3);
  await must(ledger.append([...TEXTS.slice(0, 4), factText(6, { tags: ODD })], []));
  t.equal((await server.sql(database, 'SELECT FROM weir.tags')).length, 3, 'they are the same tags');
  t.equal((await spent('team', 'a')).requests, 3);
  t.hasStrict(await must(ledger.check()), { facts: 6, conflicts: 0, wrongSums: 0 });
  t.equal((await must(ledger.register.record(draftOf()))).seq, 1);
  t.equal((await must(look.register.auditHead())).seq, 1, 'and who only looks can, now');
  await t.rejects(server.sql(database, 'DELETE FROM weir.facts'), /never changed/, 'the rules are back');
  const left = await server.sql(
    database,
    `SELECT relname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace AND nspname = 'weir'
     WHERE relname LIKE 'tagged%' UNION ALL SELECT proname FROM pg_proc JOIN pg_namespace n ON n.oid = pronamespace
     AND nspname = 'weir' WHERE proname NOT LIKE 'refuse%'`,
  );
  t.strictSame(left, []);
});

t.test('who runs while a newer version changes the schema writes no more', async t => {
  const database = await server.database();
  const ledger = open(database);
  await must(ledger.append([factText(1)], []));
  const other = await sessionAt(t, server, database);
  await other.query('BEGIN; LOCK TABLE weir.migrations IN ACCESS EXCLUSIVE MODE');
  const waiting = ledger.append([factText(2)], []);
  await untilOneWaits(server, database);
  await other.query('INSERT INTO weir.migrations (number) VALUES (999); COMMIT');
  t.match(await problemOf(waiting), /newer Weir/);
  t.match(await problemOf(ledger.register.record(draftOf())), /newer Weir/);
  t.equal((await server.sql(database, 'SELECT FROM weir.facts')).length, 1);
  await server.sql(database, 'DELETE FROM weir.migrations WHERE number = 999');
  t.equal((await must(ledger.append([factText(2)], []))).added, 1);
});

t.test('a change of the schema waits for those who write', async t => {
  const database = await firstVersion();
  const other = await sessionAt(t, server, database);
  await other.query('BEGIN; SELECT max(number) FROM weir.migrations');
  const ledger = open(database);
  const appended = ledger.append([factText(9)], []);
  await untilOneWaits(server, database);
  await other.query('COMMIT');
  t.equal((await must(appended)).added, 1);
  t.equal((await must(ledger.check())).wrongSums, 0);
});

t.test('a change of the schema that fails leaves what was there', async t => {
  const database = await firstVersion();
  await server.sql(database, 'CREATE TABLE weir.tags (mine int)');
  t.match(await problemOf(open(database).check()), /relation "tags" already exists/);
  t.strictSame(await server.sql(database, 'SELECT number FROM weir.migrations'), [{ number: 1 }]);
  t.equal((await server.sql(database, "SELECT FROM pg_class WHERE relname = 'keys'")).length, 0);
  await server.sql(database, 'DROP TABLE weir.tags');
  t.equal((await must(open(database).check())).wrongSums, 0);
});
