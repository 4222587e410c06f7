import t, { type Test } from 'tap';
import { NatsServer, natsMissing } from '../nats/index.ts';
import { openTestBus } from './open.ts';
import { RecordingSink } from './recording-sink.ts';

const skip = natsMissing();

/** A sink that follows a bucket of 20 writes whose server has a store from when there were 15. */
async function scene(t: Test) {
  const server = await NatsServer.start(t);
  const first = await server.admin();
  const bucket = await first.createBucket('b');
  for (let i = 1; i <= 15; i++) await bucket.put(`k${i}`, `${i}`);
  await first.close();
  await server.stop();
  const earlier = server.saveStore();
  await server.restart();
  const admin = await server.admin();
  const reopened = await admin.bucket('b');
  for (let i = 16; i <= 20; i++) await reopened.put(`k${i}`, 'to be undone');
  const { bus } = await openTestBus(t, { servers: [server.url] });
  const sink = new RecordingSink();
  bus.bucket('b').follow(null, sink);
  await sink.becomesCurrent();
  return { server, admin, bus, sink, earlier };
}

t.test('a bucket whose store was put back is read whole', { skip }, async t => {
  const { server, sink, earlier } = await scene(t);
  await server.stop();
  server.restoreStore(earlier);
  await server.restart();
  const again = await server.admin();
  t.equal((await again.content('b')).size, 15);
  await sink.holds(await again.content('b'));
  t.equal(sink.cursor!.revision, 15);
  await (await again.bucket('b')).put('k16', 'otherwise');
  await sink.holds(await again.content('b'));
});

t.test(
  'also when it was written past our cursor meanwhile, to the same number of keys',
  { skip },
  async t => {
    const { server, admin, bus, sink, earlier } = await scene(t);
    await bus.close();
    await admin.close();
    await server.stop();
    server.restoreStore(earlier);
    await server.restart();
    const again = await server.admin();
    const bucket = await again.bucket('b');
    for (let i = 16; i <= 21; i++) await bucket.put(`other${i}`, 'another history');
    const opened = await openTestBus(t, { servers: [server.url] });
    const next = new RecordingSink(sink);
    opened.bus.bucket('b').follow(sink.cursor, next);
    await next.becomesCurrent();
    t.equal(next.replaces, 1);
    t.strictSame(next.content, await again.content('b'));
  },
);
