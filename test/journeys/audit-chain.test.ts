import t from 'tap';
import { ADMIN_KEYS, ISSUER } from './ops-client.ts';
import { type Made, sharedFolder, startRecordsLab, until } from './records-lab.ts';

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
