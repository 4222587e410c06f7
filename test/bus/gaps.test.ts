import t, { type Test } from 'tap';
import { systemClock } from '../../lib/base/index.ts';
import type { KvBucket } from '../../lib/bus/index.ts';
import { type NatsAdmin, NatsServer, natsMissing } from '../nats/index.ts';
import { openTestBus, type TestBus } from './open.ts';
import { RecordingSink } from './recording-sink.ts';
import { layRelay, type Relay } from './relay.ts';

const skip = natsMissing();
// They wait for the next comparison most of the time: so several at once.
t.jobs = 6;
const together = { skip, buffered: true };

interface Scene {
  readonly server: NatsServer;
  readonly admin: NatsAdmin;
  readonly relay: Relay;
  readonly opened: TestBus;
  readonly followed: KvBucket;
  readonly sink: RecordingSink;
}

/** A bucket of twelve writes, of which k1…k10 live and k11 was deleted, and a sink that follows it. */
async function scene(t: Test): Promise<Scene> {
  const server = await NatsServer.start(t);
  const admin = await server.admin();
  const bucket = await admin.createBucket('b');
  for (let i = 1; i <= 11; i++) await bucket.put(`k${i}`, `${i}`);
  await bucket.delete('k11');
  const relay = await layRelay(t, server.port);
  const opened = await openTestBus(t, { servers: [relay.url] });
  const followed = opened.bus.bucket('b');
  const sink = new RecordingSink();
  followed.follow(null, sink);
  await sink.becomesCurrent();
  return { server, admin, relay, opened, followed, sink };
}

/** What another client does to the bucket, be we connected or not. */
const DEEDS: Record<string, (admin: NatsAdmin) => Promise<void>> = {
  'deleted and created anew with fewer entries': async admin => {
    await admin.deleteBucket('b');
    const bucket = await admin.createBucket('b');
    await bucket.put('k2', 'anew');
  },
  'deleted and created anew with more entries': async admin => {
    await admin.deleteBucket('b');
    const bucket = await admin.createBucket('b');
    for (let i = 20; i < 40; i++) await bucket.put(`k${i}`, 'anew');
  },
  'deleted and created anew with as many entries': async admin => {
    await admin.deleteBucket('b');
    const bucket = await admin.createBucket('b');
    for (let i = 1; i <= 11; i++) await bucket.put(`k${i}`, 'anew');
    await bucket.delete('k11');
  },
  'one key purged without a trace': admin => admin.purge('b', 'k7'),
  'one key purged without a trace, others written': async admin => {
    await admin.purge('b', 'k7');
    const bucket = await admin.bucket('b');
    await bucket.put('k8', 'again');
    await bucket.put('new', 'first');
  },
  'everything purged without a trace': admin => admin.purge('b'),
  'everything purged without a trace, others written': async admin => {
    await admin.purge('b');
    const bucket = await admin.bucket('b');
    await bucket.put('k5', 'after');
  },
  'deleted keys forgotten': async admin => {
    const bucket = await admin.bucket('b');
    await bucket.delete('k3');
    await bucket.purge('k4');
    await admin.forgetDeleted('b');
    await bucket.put('k5', 'after');
  },
};

for (const [deed, run] of Object.entries(DEEDS)) {
  t.test(`${deed}, while connected`, together, async t => {
    const { admin, sink } = await scene(t);
    await run(admin);
    // The first may have been asked for before the deed was done.
    await sink.becomesCurrent(2);
    t.strictSame(sink.content, await admin.content('b'));
    t.strictSame(sink.faults, []);
  });

  t.test(`${deed}, while cut off`, together, async t => {
    const { admin, relay, sink } = await scene(t);
    relay.cut();
    await run(admin);
    const { currents } = sink;
    relay.mend();
    await sink.changes.until(() => sink.currents > currents, 'the sink to be current again');
    t.strictSame(sink.content, await admin.content('b'), 'right the first time it says to be current');
    t.strictSame(sink.faults, []);
  });

  t.test(`${deed}, while another process held the cursor`, together, async t => {
    const { admin, server, opened, sink } = await scene(t);
    await opened.bus.close();
    await run(admin);
    const { bus } = await openTestBus(t, { servers: [server.url] });
    const next = new RecordingSink(sink);
    bus.bucket('b').follow(sink.cursor, next);
    await next.becomesCurrent();
    t.strictSame(next.content, await admin.content('b'), 'right the first time it says to be current');
    t.strictSame(next.faults, []);
  });
}

t.test('a bucket that is gone keeps what was known, and is not created again', together, async t => {
  const { admin, followed, opened, sink } = await scene(t);
  await admin.deleteBucket('b');
  t.match(await opened.warned('bus_bucket_failing'), 'the bucket b is gone');
  t.equal(sink.content.size, 10);
  t.equal(sink.replaces, 1);
  await t.rejects(followed.put('k', new Uint8Array(1)), {
    name: 'BusError',
    message: 'there is no bucket b',
  });
  await t.rejects(admin.manager.streams.info('KV_b'), 'nobody made it');
  const bucket = await admin.createBucket('b');
  await bucket.put('k', 'anew');
  await sink.holds({ k: 'anew' });
  await opened.warned('bus_bucket_recovered');
});

t.test('a cursor goes on where it ended: nothing is read again', together, async t => {
  const { admin, server, opened, sink } = await scene(t);
  await opened.bus.close();
  const bucket = await admin.bucket('b');
  await bucket.put('k12', 'new');
  await bucket.put('k13', 'new');
  await bucket.put('k13', 'newer');
  const { bus } = await openTestBus(t, { servers: [server.url] });
  const next = new RecordingSink(sink);
  bus.bucket('b').follow(sink.cursor, next);
  await next.becomesCurrent();
  t.equal(next.replaces, 0);
  t.strictSame(next.applied, [13, 15]);
  t.strictSame(next.content, await admin.content('b'));
});

t.test('a cursor without its mark is worth nothing, and one of another bucket neither', together, async t => {
  const { admin, server, sink } = await scene(t);
  const { bus } = await openTestBus(t, { servers: [server.url] });
  const { created, revision, mark } = sink.cursor!;
  for (const cursor of [
    { created, revision },
    { created, revision, mark: 'nonsense' },
    { created: '2020-01-01T00:00:00Z', revision, mark: mark! },
    { created, revision: revision + 100, mark: mark! },
  ]) {
    const next = new RecordingSink();
    const following = bus.bucket('b').follow(cursor, next);
    await next.becomesCurrent();
    t.equal(next.replaces, 1);
    t.strictSame(next.content, await admin.content('b'));
    await following.close();
  }
});

t.test('a bucket with history is read whole again after an outage', together, async t => {
  const server = await NatsServer.start(t);
  const admin = await server.admin();
  const bucket = await admin.createBucket('b', 5);
  for (let i = 0; i < 30; i++) await bucket.put(`k${i % 7}`, `${i}`);
  await bucket.delete('k0');
  const relay = await layRelay(t, server.port);
  const { bus } = await openTestBus(t, { servers: [relay.url] });
  const sink = new RecordingSink();
  bus.bucket('b').follow(null, sink);
  await sink.becomesCurrent();
  t.strictSame(sink.content, await admin.content('b'));
  relay.cut();
  await bucket.put('k1', 'in the gap');
  relay.mend();
  await sink.holds(await admin.content('b'));
  t.equal(sink.replaces, 2);
});

t.test('what cannot be proven is read again every five minutes', together, async t => {
  const server = await NatsServer.start(t);
  const admin = await server.admin();
  for (const name of ['plain', 'history']) {
    const bucket = await admin.createBucket(name, name === 'plain' ? 1 : 5);
    await bucket.put('k', '1');
    await bucket.put('k', '2');
  }
  let aheadMs = 0;
  const clock = {
    wallMs: systemClock.wallMs,
    monotonicMs: () => systemClock.monotonicMs() + aheadMs,
  };
  const { bus } = await openTestBus(t, { servers: [server.url] }, clock);
  const [plain, history] = [new RecordingSink(), new RecordingSink()];
  bus.bucket('plain').follow(null, plain);
  bus.bucket('history').follow(null, history);
  await Promise.all([plain.becomesCurrent(), history.becomesCurrent()]);
  // The last of several writes taken back: neither revision nor keys tell of it.
  await admin.manager.streams.deleteMessage('KV_history', 2);
  await history.becomesCurrent();
  t.strictSame(Object.fromEntries(history.content), { k: '2' });
  aheadMs = 300_000;
  await history.holds({ k: '1' });
  await plain.becomesCurrent(2);
  t.equal(plain.replaces, 1, 'what is proven all the time is not');
});
