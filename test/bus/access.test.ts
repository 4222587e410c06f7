import { type AddressInfo, createServer } from 'node:net';
import { nkeys } from '@nats-io/transport-node';
import t from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { within } from '../deadline/index.ts';
import { NatsServer, type NatsUser, natsMissing } from '../nats/index.ts';
import { selfSigned } from '../upstream/index.ts';
import { openTestBus } from './open.ts';
import { RecordingSink } from './recording-sink.ts';

const skip = natsMissing();
const certificate = selfSigned();
const skipTls = skip || (certificate === null && 'the program openssl is not installed');
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a gateway needs that may follow a bucket, and nothing else. */
const READER: NatsUser = {
  user: 'gateway',
  password: 'secret of the gateway',
  publish: ['$JS.API.STREAM.INFO.KV_b', '$JS.API.CONSUMER.CREATE.KV_b', '$JS.FC.KV_b.>'],
  subscribe: ['_INBOX.>'],
};

t.test('a user that may only read follows, and is told what it lacks for more', { skip }, async t => {
  const server = await NatsServer.start(t, { users: [READER] });
  const admin = await server.admin();
  const bucket = await admin.createBucket('b');
  // More than the server sends without being told to go on.
  for (let i = 0; i < 20; i++)
    await Promise.all(Array.from({ length: 500 }, (_, j) => bucket.put(`k${i * 500 + j}`, 'x'.repeat(200))));
  const { bus, warned } = await openTestBus(t, {
    servers: [server.url],
    user: READER.user,
    password: new Secret(READER.password),
  });
  const followed = bus.bucket('b');
  const sink = new RecordingSink();
  followed.follow(null, sink);
  await sink.becomesCurrent();
  t.equal(sink.content.size, 10_000);
  await bucket.put('k', '1');
  await sink.changes.until(() => sink.content.get('k') === '1', 'the write');
  await t.rejects(followed.put('k', bytes('2')), {
    name: 'BusError',
    message: 'the NATS server forbids us to publish to $KV.b.k',
  });
  await t.rejects(followed.delete('k'), { name: 'BusError' });
  await t.rejects(followed.create('new', bytes('2')), { name: 'BusError' });
  await t.rejects(followed.get('k'), {
    name: 'BusError',
    message: 'the NATS server forbids us to publish to $JS.API.STREAM.MSG.GET.KV_b',
  });
  bus.publish('weir.limits', bytes('x'));
  t.match(await warned('bus_forbidden'), 'publish weir.limits');
  t.equal(bus.connected, true);
  await bucket.put('k', '3');
  await sink.changes.until(() => sink.content.get('k') === '3', 'it still follows');
});

t.test('a bucket that is missing and may not be made is waited for', { skip }, async t => {
  const server = await NatsServer.start(t, { users: [READER] });
  const { bus, warned, warnings } = await openTestBus(t, {
    servers: [server.url],
    user: READER.user,
    password: new Secret(READER.password),
  });
  const sink = new RecordingSink();
  bus.bucket('b').follow(null, sink);
  t.match(await warned('bus_bucket_failing'), '$JS.API.STREAM.CREATE.KV_b');
  t.equal(sink.calls.length, 0);
  const admin = await server.admin();
  await (await admin.createBucket('b')).put('k', '1');
  await sink.holds({ k: '1' });
  await warned('bus_bucket_recovered');
  t.equal(warnings.length, 2);
});

t.test('a wrong password is told once, as what it is, and tried on', { skip }, async t => {
  const server = await NatsServer.start(t, { users: [READER] });
  const { bus, warned, warnings } = await openTestBus(t, {
    servers: [server.url],
    user: READER.user,
    password: new Secret('wrong'),
  });
  t.match(await warned('bus_refused'), 'Authorization Violation');
  await t.rejects(bus.bucket('b').get('k'), { name: 'BusError', message: 'Authorization Violation' });
  t.equal(warnings.filter(({ code }) => code === 'bus_refused').length, 1);
  for (const { message } of warnings) t.notMatch(message, 'wrong');
});

t.test('a token', { skip }, async t => {
  const server = await NatsServer.start(t, { token: 'the token' });
  const { connected } = await openTestBus(t, { servers: [server.url], token: new Secret('the token') });
  await connected();
  const other = await openTestBus(t, { servers: [server.url], token: new Secret('another') });
  t.match(await other.warned('bus_refused'), 'Authorization Violation');
});

t.test('an NKey', { skip }, async t => {
  const pair = nkeys.createUser();
  const server = await NatsServer.start(t, { nkeys: [pair.getPublicKey()] });
  const seed = new TextDecoder().decode(pair.getSeed());
  const { connected } = await openTestBus(t, { servers: [server.url], nkey: new Secret(`${seed}\n`) });
  await connected();
  const stranger = new TextDecoder().decode(nkeys.createUser().getSeed());
  const other = await openTestBus(t, { servers: [server.url], nkey: new Secret(stranger) });
  await other.warned('bus_refused');
});

t.test('a credentials file: its token is shown, and the nonce signed with its seed', async t => {
  const pair = nkeys.createUser();
  const nonce = 'a nonce of the server';
  const info = { server_id: 'S', version: '2.9.10', proto: 1, headers: true, max_payload: 1e6, nonce };
  const shown = Promise.withResolvers<string>();
  const server = createServer(socket => {
    socket.on('error', () => {});
    socket.write(`INFO ${JSON.stringify(info)}\r\n`);
    let said = '';
    socket.setEncoding('latin1').on('data', (text: string) => {
      said += text;
      const connect = /^CONNECT (.+)\r\n/m.exec(said)?.[1];
      if (connect !== undefined) shown.resolve(connect);
    });
  });
  t.teardown(() => server.close());
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const seed = new TextDecoder().decode(pair.getSeed());
  const frame = (what: string, text: string): string =>
    `-----BEGIN ${what}-----\n${text}\n------END ${what}------\n`;
  await openTestBus(t, {
    servers: [`nats://127.0.0.1:${(server.address() as AddressInfo).port}`],
    credentials: new Secret(frame('NATS USER JWT', 'the.jwt.itself') + frame('USER NKEY SEED', seed)),
  });
  const { jwt, sig } = JSON.parse(await within(shown.promise, 'a login')) as { jwt: string; sig: string };
  t.equal(jwt, 'the.jwt.itself');
  t.ok(pair.verify(bytes(nonce), Buffer.from(sig, 'base64url')));
});

t.test('TLS: the authority decides; without it no byte of ours is sent', { skip: skipTls }, async t => {
  const server = await NatsServer.start(t, { tls: certificate! });
  const { connected } = await openTestBus(t, { servers: [server.url], tls: { ca: certificate!.cert } });
  await connected();
  const named = await openTestBus(t, {
    servers: [`tls://localhost:${server.port}`],
    tls: { ca: certificate!.cert },
  });
  await named.connected();
  const stranger = await openTestBus(t, { servers: [server.url] });
  t.match(await stranger.warned('bus_unreachable'), 'self-signed certificate');
  const plain = await NatsServer.start(t);
  const strict = await openTestBus(t, { servers: [`tls://127.0.0.1:${plain.port}`], token: new Secret('x') });
  t.match(await strict.warned('bus_unreachable'), 'tls', 'tls:// never falls back to plain text');
});

t.test('TLS with a certificate of our own', { skip: skipTls }, async t => {
  const server = await NatsServer.start(t, { tls: { ...certificate!, mutual: true } });
  const { cert, key } = certificate!;
  const { connected } = await openTestBus(t, {
    servers: [server.url],
    tls: { ca: cert, cert, key: new Secret(key) },
  });
  await connected();
  const without = await openTestBus(t, { servers: [server.url], tls: { ca: cert } });
  await without.warned('bus_unreachable');
  t.equal(without.bus.connected, false);
});

t.test('an unreachable or strange server says what it is', async t => {
  const { warned } = await openTestBus(t, { servers: ['nats://no-such-host.invalid:4222'] });
  t.match(await warned('bus_unreachable'), 'no-such-host.invalid');
});

t.test('credentials that are none are told of, and leave nothing', { skip }, async t => {
  const server = await NatsServer.start(t, { users: [READER] });
  for (const secret of [{ credentials: new Secret('nonsense') }, { nkey: new Secret('SUNONSENSE') }]) {
    const { bus, warnings, changes } = await openTestBus(t, { servers: [server.url], ...secret });
    await changes.until(() => warnings.length > 0, 'a warning');
    t.equal(bus.connected, false);
    for (const { message } of warnings) t.notMatch(message, 'NONSENSE');
    await bus.close();
  }
});
