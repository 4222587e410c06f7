import t from 'tap';
import { ADMIN_KEYS, ISSUER } from './ops-client.ts';
import { type Made, sharedFolder, startRecordsLab, until } from './records-lab.ts';

t.test('every other change is on the chain before it takes effect, and when it failed', async t => {
  const records = await startRecordsLab(t, sharedFolder(t));
  const { record } = await records.create();
  await records.call('POST', '/deny', { kind: 'subject', id: 'mallory', reason: 'fraud' });
  await records.call('DELETE', '/deny/subject/nobody');
  await records.call('POST', `/keys/${record.jti}/disable`);
  await records.call('POST', `/keys/${record.jti}/disable`);
  await records.call('POST', '/keys/unknown/disable');
  await records.call('GET', '/keys');
  t.strictSame(await records.chain(), [
    'admin-3 done POST /keys',
    'admin-3 intended POST /deny',
    'admin-3 intended DELETE /deny/subject/nobody',
    'admin-3 failed DELETE /deny/subject/nobody',
    `admin-3 done POST /keys/${record.jti}/disable`,
  ]);
  const { entries } = await records.call<{ entries: { seq: number; hash: string; payload: string }[] }>(
    'GET',
    '/audit?after=1&limit=3',
  );
  const said = entries.map(({ payload }) => JSON.parse(payload) as { details: object });
  t.strictSame(said[0]!.details, { kind: 'subject', id: 'mallory', reason: 'fraud' });
  t.strictSame(said[2]!.details, { of: 3, status: 404 });
  const head = await records.call<{ seq: number; hash: string }>('GET', '/audit/head');
  t.equal(head.seq, 5);
  const verify = (kept: string) =>
    records.cli(t, 'audit', 'verify', '-c', 'weir.yaml', '--head', kept, '--json');
  t.equal((await verify(`5:${head.hash}`)).code, 0);
  const cut = await verify(`9:${head.hash}`);
  t.equal(cut.code, 1);
  t.hasStrict(JSON.parse(cut.stdout), { ok: false, head, broken: { seq: 6 } });
  t.equal((await verify('5:zz')).code, 2);
  for (const path of ['/audit?after=x', '/audit?limit=0', '/audit?since=1d', '/audit?limit=1&limit=2'])
    t.equal(await records.call('GET', path), '400 bad_request');
});

t.test('no key material is in any file, also where somebody put a key in the place of its id', async t => {
  const records = await startRecordsLab(t, sharedFolder(t));
  const { key, record } = await records.create({ name: 'laptop' });
  const young = await records.call<Made>('POST', `/keys/${record.jti}/rotate`, {});
  for (const one of [key, young.key]) t.equal(await records.use(one), 200);
  await records.call('POST', `/keys/${key}/disable`);
  await records.call('DELETE', `/deny/key/${key}`);
  await records.call('POST', '/keys', { subject: key, expires: '2030-01-01T00:00:00Z' });
  await records.call('POST', `/keys/${record.jti}/disable`);
  await until('the last use', async () => (await records.member(young.record.jti, 'lastUsed')) !== null);
  await records.lab.weir.stop();
  const files = records.files() + records.lab.weir.output;
  t.ok(files.includes(record.jti) && files.includes('laptop'), 'it is the right place to look');
  for (const one of [key, young.key]) {
    const [, , payload] = one.split('.');
    t.notOk(files.includes(payload!.slice(-60)), 'the signature');
    t.notOk(files.includes(payload!.slice(0, 60)), 'the claims as signed');
  }
  t.notOk(files.includes('v4.public.'));
  for (const secret of [ISSUER.secretKey.slice(10, 50), ...Object.values(ADMIN_KEYS)])
    t.notOk(files.includes(secret));
});
