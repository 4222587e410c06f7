import t from 'tap';
import { NatsServer, natsMissing } from '../nats/index.ts';
import { openTestBus } from './open.ts';
import { RecordingSink } from './recording-sink.ts';

const skip = natsMissing();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

t.test('a bucket is read, then each write is handed on, and again it is current', { skip }, async t => {
  const server = await NatsServer.start(t);
  const admin = await server.admin();
  const bucket = await admin.createBucket('b');
  await bucket.put('key.a', '1');
  await bucket.put('key.b', '2');
  await bucket.delete('key.b');
  const { bus, warnings } = await openTestBus(t, { servers: [server.url] });
  const sink = new RecordingSink();
  bus.bucket('b').follow(null, sink);
  await sink.becomesCurrent();
  t.strictSame(Object.fromEntries(sink.content), { 'key.a': '1' });
  t.strictSame(sink.calls, ['replace', 'current']);
  await bucket.put('key.c', '3');
  await sink.holds({ 'key.a': '1', 'key.c': '3' });
  t.strictSame(sink.applied, [4]);
  t.equal(sink.replaces, 1);
  // A comparison that falls into the middle of a purge has the bucket read anew: also right.
  await bucket.purge('key.a');
  await sink.holds({ 'key.c': '3' });
  await sink.becomesCurrent(2);
  t.strictSame(warnings, []);
  t.strictSame(sink.faults, []);
});

t.test('a bucket that nobody made is made, with one value per key', { skip }, async t => {
  const server = await NatsServer.start(t);
  const { bus } = await openTestBus(t, { servers: [server.url] });
  const sink = new RecordingSink();
  bus.bucket('b').follow(null, sink);
  await sink.becomesCurrent();
  t.equal(sink.replaces, 1);
  t.equal(sink.cursor!.revision, 0);
  await bus.bucket('b').put('k', bytes('own writes come back'));
  await sink.holds({ k: 'own writes come back' });
  const admin = await server.admin();
  const { config } = await admin.manager.streams.info('KV_b');
  t.equal(config.max_msgs_per_subject, 1);
  t.equal(config.storage, 'file');
});
