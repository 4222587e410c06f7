import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import { NatsServer, natsMissing } from '../nats/index.ts';
import { closedPort } from '../upstream/index.ts';
import { openTestBus } from './open.ts';
import { RecordingSink } from './recording-sink.ts';
import { layRelay } from './relay.ts';

const skip = natsMissing();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

t.test(
  'a server that is down at the start is waited for; one warning, one word when it is over',
  { skip },
  async t => {
    const server = await NatsServer.start(t);
    const admin = await server.admin();
    await (await admin.createBucket('b')).put('k', '1');
    await admin.close();
    await server.stop();
    const { bus, warnings, warned } = await openTestBus(t, { servers: [server.url] });
    const sink = new RecordingSink();
    bus.bucket('b').follow(null, sink);
    t.match(await warned('bus_unreachable'), `${server.url}: connect ECONNREFUSED`);
    t.equal(bus.connected, false);
    bus.publish('nobody.hears', bytes('dropped'));
    await server.restart();
    await sink.holds({ k: '1' });
    t.equal(bus.connected, true);
    t.strictSame(
      warnings.map(({ code }) => code),
      ['bus_unreachable', 'bus_recovered'],
    );
  },
);

t.test('another server of the list is used where one is down', { skip }, async t => {
  const server = await NatsServer.start(t);
  const dead = `nats://127.0.0.1:${await closedPort()}`;
  const { connected } = await openTestBus(t, { servers: [dead, dead, dead, server.url] });
  await connected();
  t.pass('connected');
});

t.test(
  'kill -9 and restart: the following resumes, with the writes of the gap, each once',
  { skip },
  async t => {
    const server = await NatsServer.start(t);
    const admin = await server.admin();
    const bucket = await admin.createBucket('b');
    for (let i = 1; i <= 20; i++) await bucket.put(`k${i}`, `${i}`);
    const relay = await layRelay(t, server.port);
    const { bus, warnings } = await openTestBus(t, { servers: [relay.url] });
    const sink = new RecordingSink();
    bus.bucket('b').follow(null, sink);
    await sink.becomesCurrent();

    relay.cut();
    await server.kill();
    await server.restart();
    const late = await server.admin();
    const reopened = await late.bucket('b');
    await reopened.put('new', 'in the gap');
    await reopened.delete('k3');
    const currents = sink.currents;
    relay.mend();
    await sink.changes.until(() => sink.currents > currents, 'the sink to be current again');
    t.equal(sink.replaces, 1, 'nothing was read again');
    t.strictSame(sink.applied, [21, 22]);
    t.strictSame(sink.content, await late.content('b'));
    await reopened.put('k4', 'after');
    await sink.holds(await late.content('b'));
    t.strictSame(sink.applied, [21, 22, 23]);
    t.strictSame(sink.faults, []);
    t.equal(warnings.filter(({ code }) => code === 'bus_unreachable').length, 1, 'one outage, one warning');
  },
);

t.test(
  'a frozen server: current stops, a write says that it may still happen, then all goes on',
  { skip },
  async t => {
    const server = await NatsServer.start(t);
    const { bus } = await openTestBus(t, { servers: [server.url] });
    const sink = new RecordingSink();
    const bucket = bus.bucket('b');
    bucket.follow(null, sink);
    await sink.becomesCurrent();
    await server.freeze();
    const failed = await bucket.put('k', bytes('1')).then(
      () => null,
      (error: Error) => error,
    );
    t.equal(failed?.name, 'BusError');
    t.match(failed?.message, 'did not answer in time; it may still be done');
    const { currents } = sink;
    server.thaw();
    await sink.changes.until(() => sink.currents > currents, 'the sink to be current again');
    await sink.holds({ k: '1' });
  },
);

t.test(
  'while there is no connection an operation says so in time and is not done later',
  { skip },
  async t => {
    const server = await NatsServer.start(t);
    const relay = await layRelay(t, server.port);
    const { bus, warned } = await openTestBus(t, { servers: [relay.url] });
    const bucket = bus.bucket('b');
    await bucket.put('k', bytes('1'));
    relay.cut();
    await warned('bus_unreachable');
    await t.rejects(bucket.put('k', bytes('2')), {
      name: 'BusError',
      message: /^NATS is not connected \(.+\); nothing was done$/,
    });
    relay.mend();
    t.equal(Buffer.from((await bucket.get('k'))!.value!).toString(), '1');
  },
);

t.test('close ends quickly and leaves nothing', async t => {
  const silent = createServer(() => {});
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const quiet = `nats://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const refusing = `nats://127.0.0.1:${await closedPort()}`;
  const cases: [string, string][] = [
    ['while it waits for the next attempt', refusing],
    ['while a server keeps silent', quiet],
  ];
  const server = skip === false ? await NatsServer.start(t) : null;
  if (server !== null)
    cases.push(['while it is connected', server.url], ['while its server is frozen', server.url]);
  for (const [when, url] of cases) {
    await t.test(when, async t => {
      const before = resources();
      const { bus, changes, warnings, connected } = await openTestBus(t, { servers: [url] });
      const sink = new RecordingSink();
      const following = bus.bucket('b').follow(null, sink);
      bus.subscribe('s', () => {});
      if (url === refusing) await changes.until(() => warnings.length > 0, 'an attempt to fail');
      else if (url === quiet) await once(silent, 'connection');
      else await Promise.all([connected(), sink.becomesCurrent()]);
      if (when.includes('frozen')) await server!.freeze();
      const startMs = performance.now();
      await bus.close();
      t.ok(performance.now() - startMs < 1000);
      const calls = sink.calls.length;
      await following.close();
      t.equal(bus.connected, false);
      // A closed socket's own last callbacks come in the next turns of the loop.
      for (let turn = 0; turn < 10; turn++) await new Promise(resolve => setImmediate(resolve));
      t.strictSame(resources(), before);
      t.equal(sink.calls.length, calls);
    });
  }
});

function resources(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter(kind => kind === 'Timeout' || /TCP(?!Server)|TLS|FSReq|GetAddrInfo/.test(kind))
    .sort();
}
