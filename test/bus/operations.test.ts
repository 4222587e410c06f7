import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { KV_VALUE_BYTES_MAX, OVERSIZED } from '../../lib/bus/index.ts';
import { Changes } from '../deadline/index.ts';
import { NatsServer, natsMissing } from '../nats/index.ts';
import { openTestBus } from './open.ts';
import { RecordingSink } from './recording-sink.ts';

const skip = natsMissing();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array | null): string => new TextDecoder().decode(value!);

t.test('put, get, delete, and create only where there is nothing', { skip }, async t => {
  const server = await NatsServer.start(t);
  const { bus } = await openTestBus(t, { servers: [server.url] });
  const bucket = bus.bucket('b');
  t.equal(await bucket.get('k'), null);
  t.equal(await bucket.create('k', bytes('1')), 1);
  t.equal(await bucket.create('k', bytes('2')), null);
  const entry = await bucket.get('k');
  t.equal(entry?.revision, 1);
  t.equal(text(entry!.value), '1');
  t.equal(await bucket.put('k', bytes('3')), 2);
  await bucket.delete('k');
  t.equal(await bucket.get('k'), null);
  t.equal(await bucket.create('k', bytes('4')), 4, 'a deleted key has no value');
  await bucket.put('empty', new Uint8Array(0));
  t.equal((await bucket.get('empty'))!.value!.length, 0, 'an empty value is one');
});

t.test('a bucket that we make takes no value that is too long', { skip }, async t => {
  const server = await NatsServer.start(t);
  const { bus } = await openTestBus(t, { servers: [server.url] });
  const bucket = bus.bucket('b');
  // Its head counts as well.
  await bucket.create('k', new Uint8Array(KV_VALUE_BYTES_MAX - 256));
  await t.rejects(bucket.put('k', new Uint8Array(KV_VALUE_BYTES_MAX + 1)), {
    name: 'BusError',
    message: /^JetStream refused: message size exceeds maximum allowed$/,
  });
  t.equal((await bucket.get('k'))!.value!.length, KV_VALUE_BYTES_MAX - 256, 'what stood there stands');
  const admin = await server.admin();
  const { config } = await admin.manager.streams.info('KV_b');
  t.equal(config.max_msg_size, KV_VALUE_BYTES_MAX);
});

t.test('values that are too long are known by that alone, however they come', { skip }, async t => {
  const server = await NatsServer.start(t);
  const admin = await server.admin();
  const made = await admin.createBucket('b');
  const long = new Uint8Array(512 * 1024);
  const fitting = 'v'.repeat(KV_VALUE_BYTES_MAX);
  for (let i = 0; i < 100; i++) await made.put(`key.${i}`, long);
  await made.put('key.fits', fitting);
  const { bus } = await openTestBus(t, { servers: [server.url] });
  const bucket = bus.bucket('b');
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const before = process.memoryUsage().arrayBuffers;
  const values = new Map<string, Uint8Array>();
  const read = new Changes();
  bucket.follow(null, {
    replace: entries => {
      for (const { key, value } of entries.values()) values.set(key, value!);
      collectGarbage();
      t.ok(process.memoryUsage().arrayBuffers - before < 2 ** 25, 'not 50 MiB');
    },
    apply: ({ key, value }) => {
      values.set(key, value!);
      read.notify();
    },
    current: () => read.notify(),
  });
  await read.until(() => values.size === 101, 'the bucket to be read');
  t.ok([...values].every(([key, value]) => (value === OVERSIZED) === (key !== 'key.fits')));
  t.equal(text(values.get('key.fits')!), fitting);
  await made.put('key.later', long);
  await read.until(() => values.has('key.later'), 'a later write');
  t.equal(values.get('key.later'), OVERSIZED);
  t.equal((await bucket.get('key.1'))!.value, OVERSIZED);
});

t.test('of many that create one key at once, one wins', { skip }, async t => {
  const server = await NatsServer.start(t);
  const buses = await Promise.all(Array.from({ length: 4 }, () => openTestBus(t, { servers: [server.url] })));
  for (let round = 0; round < 5; round++) {
    const made = await Promise.all(
      buses.flatMap(({ bus }, i) =>
        [1, 2, 3].map(j => bus.bucket('b').create(`seed${round}`, bytes(`${i}${j}`))),
      ),
    );
    t.equal(made.filter(revision => revision !== null).length, 1);
  }
});

t.test('a name that no bucket or key can have is refused', { skip }, async t => {
  const server = await NatsServer.start(t);
  const { bus } = await openTestBus(t, { servers: [server.url] });
  for (const name of ['', 'a.b', 'a b', '*', '>', 'ü', 'a'.repeat(65)])
    t.throws(() => bus.bucket(name), TypeError);
  for (const key of ['', '.a', 'a.', 'a..b', 'a b', '*', 'a.>', 'ü', 'a\r\nPUB x'])
    await t.rejects(bus.bucket('b').put(key, bytes('1')), { name: 'BusError' });
});

t.test('messages reach other buses, never their sender, and live through a restart', { skip }, async t => {
  const server = await NatsServer.start(t);
  const one = await openTestBus(t, { servers: [server.url] });
  const two = await openTestBus(t, { servers: [server.url] });
  const received: string[] = [];
  const changes = new Changes();
  const listen = (bus: typeof one.bus, name: string): { close(): void } =>
    bus.subscribe('weir.test.*', payload => {
      received.push(`${name} ${text(payload)}`);
      changes.notify();
    });
  const listening = listen(one.bus, 'one');
  listen(two.bus, 'two');
  await Promise.all([one.connected(), two.connected()]);
  one.bus.publish('weir.test.a', bytes('from one'));
  two.bus.publish('weir.test.a', bytes('from two'));
  await changes.until(() => received.length === 2, 'two messages');
  t.strictSame(received.sort(), ['one from two', 'two from one']);

  await server.kill();
  await Promise.all([one.warned('bus_unreachable'), two.warned('bus_unreachable')]);
  one.bus.publish('weir.test.a', bytes('into the void'));
  await server.restart();
  await Promise.all([one.warned('bus_recovered'), two.warned('bus_recovered')]);
  await Promise.all([one.connected(), two.connected()]);
  one.bus.publish('weir.test.a', bytes('again'));
  await changes.until(() => received.length === 3, 'a third message');
  t.equal(received[2], 'two again');

  listening.close();
  two.bus.publish('weir.test.a', bytes('nobody listens'));
  one.bus.publish('weir.test.a', bytes('last'));
  await changes.until(() => received.includes('two last'), 'the last message');
  t.equal(received.length, 4);
});

t.test('a receiver or sink that throws is told of and harms nobody else', { skip }, async t => {
  const server = await NatsServer.start(t);
  const one = await openTestBus(t, { servers: [server.url] });
  const two = await openTestBus(t, { servers: [server.url] });
  one.bus.subscribe('s', () => {
    throw new Error('broken receiver');
  });
  const fail = (): never => {
    throw new Error('broken sink');
  };
  one.bus.bucket('b').follow(null, { replace: fail, apply: fail, current: fail });
  const sink = new RecordingSink();
  one.bus.bucket('b').follow(null, sink);
  await sink.becomesCurrent();
  await two.connected();
  two.bus.publish('s', bytes('x'));
  await two.bus.bucket('b').put('k', bytes('1'));
  await sink.holds({ k: '1' });
  await one.changes.until(
    () =>
      ['broken receiver', 'broken sink'].every(what =>
        one.warnings.some(({ code, message }) => code === 'internal' && message.includes(what)),
      ),
    'both to be told of',
  );
  t.equal(one.bus.connected, true);
});

t.test('a message too large to publish is told of once', { skip }, async t => {
  const server = await NatsServer.start(t);
  const { bus, connected, warnings } = await openTestBus(t, { servers: [server.url] });
  await connected();
  bus.publish('s', new Uint8Array(3_000_000));
  bus.publish('s', new Uint8Array(3_000_000));
  t.strictSame(
    warnings.map(({ code }) => code),
    ['bus_publish_failing'],
  );
  t.equal(bus.connected, true);
});
