import t, { type Test } from 'tap';
import { PASSWORD, postgresFor } from '../postgres/index.ts';
import { type Made, type RecordsLab, sharedFolder, startRecordsLab, until } from './records-lab.ts';
import { recordsSuite } from './records-suite.ts';

const server = await postgresFor(t);

const urls = new WeakMap<Test, string>();
/** A database for each test, whose gateways share it. */
async function urlFor(t: Test): Promise<string> {
  const url = urls.get(t) ?? server.url(await server.database());
  urls.set(t, url);
  return url;
}

async function start(t: Test, folder = sharedFolder(t)): Promise<RecordsLab> {
  return startRecordsLab(t, folder, {}, await urlFor(t));
}

await recordsSuite(t, 'postgres', start);

t.test('two gateways on one store: what one changes holds at the other', async t => {
  const [a, b] = [await start(t), await start(t)];
  const { key, record } = await a.create({ name: 'laptop' });
  t.equal(await b.use(key), 200);
  await until('the last use', async () => (await a.member(record.jti, 'lastUsed')) !== null);
  const listed = await a.cli(t, 'key', 'list');
  const row = listed.stdout.split('\n')[1]!.split(/ {2,}/);
  t.match(row[5], /^\d{4}-\d\d-\d\dT[\d:]{8}Z$/, 'of a use at the other one');
  t.hasStrict(await a.call('POST', `/keys/${record.jti}/disable`), { state: 'disabled' });
  t.equal(await a.use(key), 401, 'at once where it was said');
  const took = await until('the key to be refused', async () => (await b.use(key)) === 401);
  t.ok(took < 4000, `${took} ms until it was refused at the other`);
  t.hasStrict(await b.call('POST', `/keys/${record.jti}/enable`), { state: 'active' });
  t.equal(await b.use(key), 200);
  await until('the key to be accepted', async () => (await a.use(key)) === 200);
  const young = await b.call<Made>('POST', `/keys/${record.jti}/rotate`, { grace: '0s' });
  await until('the old key to end', async () => (await a.use(key)) === 401);
  t.equal(await a.use(young.key), 200);
  t.equal(await a.call('POST', `/keys/${record.jti}/rotate`, {}), '409 replaced');
});

t.test('two gateways that change at once make one whole chain', async t => {
  const [a, b] = [await start(t), await start(t)];
  const made = await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? a : b).create()));
  t.strictSame(
    made.filter(one => typeof one === 'string'),
    [],
    'all were made',
  );
  await Promise.all(
    made.map(({ record }, i) => (i % 2 === 0 ? b : a).call('POST', `/keys/${record.jti}/disable`)),
  );
  const verified = await a.cli(t, 'audit', 'verify', '-c', 'weir.yaml');
  t.equal(verified.code, 0, verified.stdout + verified.stderr);
  t.match(verified.stdout, /ok {2}80 entries/);
  const { keys } = await b.call<{ keys: { state: string }[] }>('GET', '/keys?limit=100');
  t.strictSame(
    keys.map(({ state }) => state),
    made.map(() => 'disabled'),
  );
});

t.test('while the store is away nothing changes, keys go on, and no password is seen', async t => {
  const records = await start(t);
  const { key, record } = await records.create();
  await server.crash();
  t.equal(await records.use(key), 200, 'no request waits for a record');
  t.equal(await records.call('POST', `/keys/${record.jti}/disable`), '503 store_unavailable');
  t.equal(
    await records.call('POST', '/deny', { kind: 'key', id: 'x', reason: 'y' }),
    '503 audit_unavailable',
  );
  t.equal(await records.call('GET', '/keys'), '503 store_unavailable');
  await server.restart();
  t.hasStrict(await records.call('POST', `/keys/${record.jti}/disable`), { state: 'disabled' });
  t.equal(await records.use(key), 401);
  t.equal((await records.chain()).length, 2);
  t.notOk(records.lab.weir.output.includes(PASSWORD));
});
