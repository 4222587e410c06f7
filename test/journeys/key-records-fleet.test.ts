import t from 'tap';
import { NatsServer, natsMissing } from '../nats/index.ts';
import { respond } from '../upstream/index.ts';
import { startLab } from './lab.ts';
import { ISSUER } from './ops-client.ts';
import { type Made, RecordsLab, sharedFolder, startRecordsLab, until } from './records-lab.ts';

const skip = natsMissing();

t.test('what a record says holds within a second on instances that have no store', { skip }, async t => {
  const nats = await NatsServer.start(t);
  const deny = { nats: { servers: [nats.url], bucket: 'weir-deny' } };
  const home = await startRecordsLab(t, sharedFolder(t), { deny });
  const auth = { issuers: [{ publicKey: ISSUER.publicKey }] };
  const lab = await startLab(t, { config: { auth, deny } });
  lab.up.reply(respond(200, [], '{}'));
  const away = new RecordsLab(lab, lab.weir.folder);
  const { key, record } = await home.create();
  const young = await home.call<Made>('POST', `/keys/${record.jti}/rotate`, { grace: '2s' });
  const isRefused = async (one: string): Promise<boolean> => (await away.use(one)) === 401;
  t.notOk(await isRefused(young.key));
  t.hasStrict(await home.call('POST', `/keys/${young.record.jti}/disable`), { state: 'disabled' });
  const took = await until('the key to be refused', () => isRefused(young.key));
  t.ok(took < 1000, `${took} ms`);
  t.hasStrict(await home.call('POST', `/keys/${young.record.jti}/enable`), { state: 'active' });
  await until('the key to be accepted', async () => !(await isRefused(young.key)));
  await until('the end of the old one', () => isRefused(key));
});
