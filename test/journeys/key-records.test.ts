import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { codeOf, ISSUER, ops } from './ops-client.ts';
import { sharedFolder, startRecordsLab } from './records-lab.ts';
import { recordsSuite } from './records-suite.ts';

t.setTimeout(90_000);

await recordsSuite(t, 'sqlite', startRecordsLab);

t.test('what is missing from the config is said', async t => {
  const body = { subject: 'alice', expires: new Date(Date.now() + 3_600_000).toISOString() };
  const auth = { issuers: [{ publicKey: ISSUER.publicKey }] };
  const bare = await startRecordsLab(t, sharedFolder(t), { auth, deny: undefined });
  t.equal(await bare.call('POST', '/keys', body), '409 no_secret_key');
  t.equal(await bare.call('POST', '/keys/a/disable'), '409 no_deny');
  t.equal(await bare.call('POST', '/keys/a/rotate', {}), '409 no_deny');
  t.equal(await bare.call('GET', '/keys/a'), '404 not_found');
  const storeless = await startRecordsLab(t, sharedFolder(t), { usage: { store: 'none' } });
  for (const [method, path] of [
    ['POST', '/keys'],
    ['GET', '/keys'],
    ['POST', '/keys/a/enable'],
  ] as const)
    t.equal(await storeless.call(method, path, method === 'POST' ? body : undefined), '409 no_store');
  for (const path of ['/usage/summary', '/usage/facts', '/audit', '/audit/head'])
    t.equal(await storeless.call('GET', path), '404 unknown_path', path);
});

t.test('without a usage section nothing is written', async t => {
  const records = await startRecordsLab(t, sharedFolder(t), { usage: undefined, deny: undefined });
  t.equal(await records.call('POST', '/keys', {}), '409 no_store');
  await records.call('POST', '/providers/openai/keys/pool-1/release');
  t.strictSame(readdirSync(records.folder), ['weir.yaml']);
});

t.test('what a body may not say', async t => {
  const records = await startRecordsLab(t, sharedFolder(t));
  const { key, record } = await records.create({ id: 'chosen' });
  t.equal(record.jti, 'chosen');
  for (const [members, answer] of [
    [{ id: 'chosen' }, '409 taken'],
    [{ expires: undefined }, '400 bad_request'],
    [{ rpm: 0 }, '400 bad_request'],
    [{ color: 'red' }, '400 bad_request'],
    [{ issuer: 'me' }, '400 bad_request'],
    [{ issuerId: 'k4.pid.none' }, '409 no_secret_key'],
    [{ name: '' }, '400 bad_request'],
    [{ notes: `the key is ${key}` }, '400 bad_request'],
  ] as const)
    t.equal(await records.create(members), answer, JSON.stringify(members).slice(0, 40));
  for (const [path, body] of [
    ['rotate', { grace: 'soon' }],
    ['rotate', { expires: 'never' }],
    ['rotate', { subject: 'bob' }],
    ['rotate', []],
    ['touch', { subject: 'bob' }],
    ['touch', { notes: 7 }],
  ] as const)
    t.equal(
      await records.call('POST', `/keys/chosen/${path}`, body),
      '400 bad_request',
      JSON.stringify(body),
    );
  for (const query of ['limit=0', 'state=on', 'after=x', 'owner=a'])
    t.equal(await records.call('GET', `/keys?${query}`), '400 bad_request', query);
  const viewer = await ops(records.lab, 'POST', '/keys/chosen/disable', 'viewer');
  t.strictSame([viewer.status, codeOf(viewer)], [403, 'forbidden']);
  t.equal((await ops(records.lab, 'POST', '/keys', 'operator', {})).status, 403);
});

t.test('a key that a file denies is allowed there', async t => {
  const folder = sharedFolder(t);
  writeFileSync(join(folder, 'deny.yaml'), '- { kind: key, id: chosen, reason: fraud }\n');
  const records = await startRecordsLab(t, folder, { deny: { file: './deny.yaml' } });
  const { key } = await records.create({ id: 'chosen' });
  t.equal(await records.use(key), 401);
  t.hasStrict(await records.call('POST', '/keys/chosen/disable'), { state: 'disabled' });
  t.equal(await records.call('POST', '/keys/chosen/enable'), '409 held_by_file');
  t.equal(await records.member('chosen', 'state'), 'disabled');
});

t.test('what a crash left undone is done before anybody is served', async t => {
  const folder = sharedFolder(t);
  const first = await startRecordsLab(t, folder);
  const { key, record } = await first.create();
  await first.call('POST', `/keys/${record.jti}/disable`);
  await first.lab.weir.stop('SIGKILL');
  // As if it had been killed between the record and the deny set.
  rmSync(join(folder, 'data/deny.snapshot'));
  const second = await startRecordsLab(t, folder);
  t.equal(await second.use(key), 401);
});
