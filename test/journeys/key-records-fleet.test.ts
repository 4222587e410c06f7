import t from 'tap';
import { NatsServer, natsMissing } from '../nats/index.ts';
import { respond } from '../upstream/index.ts';
import { startLab } from './lab.ts';
import { ISSUER } from './ops-client.ts';
import { type Made, RecordsLab, sharedFolder, startRecordsLab, until } from './records-lab.ts';

const skip = natsMissing();
t.setTimeout(90_000);

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

t.test(
  'while NATS is away the record stands, and the deny set follows once it is back',
  { skip },
  async t => {
    const nats = await NatsServer.start(t);
    const deny = { nats: { servers: [nats.url], bucket: 'weir-deny' } };
    const home = await startRecordsLab(t, sharedFolder(t), { deny });
    const { key, record } = await home.create();
    t.equal(await home.use(key), 200);
    await nats.stop();
    t.equal(await home.call('POST', `/keys/${record.jti}/disable`), '503 bus_unavailable');
    t.equal(await home.member(record.jti, 'state'), 'disabled');
    t.equal(await home.use(key), 200, 'not yet');
    const reasons = async (): Promise<string> => JSON.stringify(await home.call('GET', '/readyz'));
    await until('it to say so', async () => (await reasons()).includes('key_records_behind'));
    await nats.restart();
    await until('the key to be refused', async () => (await home.use(key)) === 401);
    await until('all to be well', async () => !(await reasons()).includes('key_records_behind'));
    t.equal((await home.chain()).length, 2, 'and the change is told of once');
  },
);
