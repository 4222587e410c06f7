import t from 'tap';
import type { KvCursor, KvEntry, KvSink } from '../../lib/bus/index.ts';
import { within } from '../deadline/index.ts';
import { type NatsAdmin, NatsServer, natsMissing } from '../nats/index.ts';
import { openTestBus } from './open.ts';
import { RecordingSink } from './recording-sink.ts';
import { layRelay } from './relay.ts';

const skip = natsMissing();
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Repeatable draws below a bound. */
function draws(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Writes to random keys until told to stop; tells how many writes it was. */
function hammer(admin: NatsAdmin, name: string, keys: number): { stop(): Promise<number> } {
  let isStopped = false;
  const run = async (): Promise<number> => {
    const bucket = await admin.bucket(name);
    const draw = draws(1);
    let count = 0;
    while (!isStopped) {
      const batch = Array.from({ length: 20 }, () => {
        const key = `k${draw(keys)}`;
        return draw(4) === 0 ? bucket.delete(key) : bucket.put(key, `${count++}`);
      });
      await Promise.all(batch);
    }
    return count;
  };
  const running = run();
  return {
    stop: () => {
      isStopped = true;
      return running;
    },
  };
}

/** Knows by revision what a bucket held when it was read: what came later must come as a write. */
class SeedSink implements KvSink {
  readonly ready = Promise.withResolvers<void>();
  readonly inner = new RecordingSink();
  #lastRevision = 0;

  replace(entries: ReadonlyMap<string, KvEntry>, cursor: KvCursor): void {
    this.inner.replace(entries, cursor);
    this.#lastRevision = cursor.revision;
  }

  apply(entry: KvEntry, cursor: KvCursor): void {
    if (entry.revision <= this.#lastRevision) this.inner.faults.push('out of order');
    this.#lastRevision = entry.revision;
    this.inner.apply(entry, cursor);
  }

  current(): void {
    this.inner.current();
    this.ready.resolve();
  }
}

t.test('seeding while others write: nothing between reading and watching is lost', { skip }, async t => {
  const server = await NatsServer.start(t);
  const admin = await server.admin();
  const bucket = await admin.createBucket('b');
  for (let i = 0; i < 2000; i += 50)
    await Promise.all(Array.from({ length: 50 }, (_, j) => bucket.put(`k${i + j}`, 'first')));
  const { bus } = await openTestBus(t, { servers: [server.url] });
  const writer = hammer(admin, 'b', 2500);
  const sinks: SeedSink[] = [];
  for (let i = 0; i < 40; i++) {
    const sink = new SeedSink();
    bus.bucket('b').follow(null, sink);
    sinks.push(sink);
    await within(sink.ready.promise, 'a seeding to be current');
  }
  t.ok((await writer.stop()) > 100, 'there were writes');
  const content = await admin.content('b');
  for (const { inner } of sinks) {
    await inner.holds(content);
    t.strictSame(inner.faults, []);
    t.equal(inner.replaces, 1, 'one reading was enough');
  }
});

t.test(
  'three followers of two processes converge under random writes, cuts and purges',
  { skip },
  async t => {
    const server = await NatsServer.start(t);
    const admin = await server.admin();
    await admin.createBucket('b');
    const draw = draws(42);
    const relays = await Promise.all([1, 2, 3].map(() => layRelay(t, server.port)));
    const sinks = await Promise.all(
      relays.map(async ({ url }) => {
        const { bus } = await openTestBus(t, { servers: [url] });
        const sink = new RecordingSink();
        bus.bucket('b').follow(null, sink);
        await sink.becomesCurrent();
        return sink;
      }),
    );
    const writer = hammer(admin, 'b', 300);
    for (let round = 0; round < 8; round++) {
      const relay = relays[draw(3)]!;
      relay.cut();
      if (draw(3) === 0) await admin.purge('b', `k${draw(300)}`);
      await admin.connection.flush();
      relay.mend();
      await sinks[draw(3)]!.becomesCurrent();
    }
    await writer.stop();
    const content = await admin.content('b');
    for (const sink of sinks) {
      await sink.holds(content);
      t.strictSame(sink.faults, []);
    }
  },
);

t.test(
  'a bus hands its own writes to its own followers too, and takes turns with others',
  { skip },
  async t => {
    const server = await NatsServer.start(t);
    const one = (await openTestBus(t, { servers: [server.url] })).bus.bucket('b');
    const two = (await openTestBus(t, { servers: [server.url] })).bus.bucket('b');
    const sink = new RecordingSink();
    one.follow(null, sink);
    const first = await one.put('k', bytes('1'));
    const second = await two.put('k', bytes('2'));
    t.equal(second, first + 1);
    await sink.holds({ k: '2' });
    await two.delete('k');
    await sink.holds({});
  },
);
