import t, { type Test } from 'tap';
import { SketchSeed } from '../../lib/base/index.ts';
import { CountedName } from '../../lib/limits/counted-name.ts';
import { Counts } from '../../lib/limits/counts.ts';
import { type Delta, decodeDelta, encodeDelta } from '../../lib/limits/delta-codec.ts';
import type { Dimension } from '../../lib/limits/dimension.ts';
import { type DropReason, Fleet } from '../../lib/limits/fleet.ts';
import { HeldClock } from '../base/held-clock.ts';
import { ScriptedServer } from './scripted-bus.ts';

const SHAPE = { width: 1024, depth: 3 };
const SLOT_MS = 5000;
const HOUR_MS = 3_600_000;
const name = new CountedName('key', 'a');

interface Member {
  readonly clock: HeldClock;
  readonly counts: Counts;
  readonly fleet: Fleet;
  readonly requests: Dimension;
}

let boots = 0;

function join(server: ScriptedServer, clock: HeldClock, instance: string): Member {
  const counts = new Counts(clock);
  const requests = counts.dimension('keyRequests', SHAPE, true);
  const fleet = new Fleet({
    bus: server.connect(),
    bucket: 'weir-limits',
    subject: 'weir.limits',
    counts,
    clock,
    instance,
    boot: String(boots++).padStart(16, '0'),
    warn: () => {},
  });
  fleet.start();
  // The test alone says when something is told.
  requests.onUntold = null;
  return { clock, counts, fleet, requests };
}

/** So many instances that have agreed on a seed, longer ago than a window. */
async function fleetOf(t: Test, size: number) {
  const server = new ScriptedServer();
  const clock = new HeldClock();
  const members = Array.from({ length: size }, (_, i) => join(server, clock, `weir-${i}`));
  t.teardown(() => Promise.all(members.map(({ fleet }) => fleet.close())));
  await settled();
  clock.pass(70_000);
  for (const { fleet } of members) fleet.publish();
  return { server, clock, members };
}

/** All that was begun in microtasks has come to its end. */
const settled = () => new Promise(resolve => setImmediate(resolve));

const dropped = ({ fleet }: Member): Partial<Record<DropReason, number>> =>
  Object.fromEntries([...fleet.dropped].filter(([, count]) => count > 0));

t.test('instances agree on one seed and know what each has counted', async t => {
  const { members } = await fleetOf(t, 3);
  t.equal(new Set(members.map(({ counts }) => counts.seed.id)).size, 1);
  for (const { fleet } of members) {
    t.ok(fleet.isTogether);
    t.equal(fleet.peers, 2);
    t.equal(fleet.aloneSeconds, 0);
  }
  members.forEach(({ requests }, i) => {
    for (let n = 0; n <= i; n++) requests.take(name, 1, 100);
  });
  for (const { fleet } of members) fleet.publish();
  for (const member of members) {
    t.equal(member.requests.estimate(name), 6);
    t.strictSame(dropped(member), {});
  }
  for (const { fleet } of members) fleet.publish();
  t.equal(members[0]!.requests.estimate(name), 6, 'nothing is told twice, nor what was heard');
});

t.test('together they hold a limit, but for what was on its way', async t => {
  const { clock, members } = await fleetOf(t, 3);
  const limit = 3000;
  const perTick = 1;
  const tickMs = 5;
  const intervalMs = 150;
  const admitted: number[] = [];
  for (let ms = 0; ms < 100_000; ms += tickMs) {
    clock.pass(tickMs);
    members.forEach(({ requests, fleet }, i) => {
      for (let n = 0; n < perTick; n++) if (requests.take(name, 1, limit) !== null) admitted.push(ms);
      if ((ms + i * 45) % intervalMs === 0) fleet.publish();
    });
  }
  let most = 0;
  for (let from = 0, to = 0; to < admitted.length; to++) {
    while (admitted[to]! - admitted[from]! >= 60_000) from++;
    most = Math.max(most, to - from + 1);
  }
  const slack = (members.length - 1) * (perTick / tickMs) * intervalMs;
  t.ok(most <= limit + slack, `${most} in a minute, at most ${limit + slack}`);
  t.ok(most >= limit, 'and the limit can be used');
});

t.test('without the bus each holds the limit on its own, and tells afterwards', async t => {
  const { clock, server, members } = await fleetOf(t, 2);
  const [a, b] = members as [Member, Member];
  server.goDown();
  clock.pass(2000);
  for (let n = 0; n < 30; n++) {
    a.requests.take(name, 1, 20);
    if (n < 5) b.requests.take(name, 1, 20);
  }
  a.fleet.publish();
  t.equal(a.requests.estimate(name), 20);
  t.equal(b.requests.estimate(name), 5);
  t.notOk(a.fleet.isTogether);
  t.equal(a.fleet.aloneSeconds, 2);
  server.comeUp();
  a.fleet.publish();
  t.equal(a.fleet.aloneSeconds, 0);
  t.equal(b.requests.estimate(name), 5, 'nothing is told before the others are there');
  for (let round = 0; round < 2; round++) for (const { fleet } of members) fleet.publish();
  t.equal(a.requests.estimate(name), 25);
  t.equal(b.requests.estimate(name), 25);
  t.equal(b.requests.take(name, 1, 20), null);
});

t.test('who does not come back is not waited for', async t => {
  const { clock, server, members } = await fleetOf(t, 3);
  const [a, b, c] = members as [Member, Member, Member];
  server.goDown();
  for (const { fleet } of members) fleet.publish();
  a.requests.take(name, 3, 20);
  c.fleet.pause();
  server.comeUp();
  for (let round = 0; round < 3; round++) {
    a.fleet.publish();
    b.fleet.publish();
  }
  t.equal(b.requests.estimate(name), 0);
  clock.pass(2000);
  a.fleet.publish();
  t.equal(b.requests.estimate(name), 3);
});

t.test('messages that come twice, come back, or come late count for nothing', async t => {
  const { clock, server, members } = await fleetOf(t, 2);
  const [a, b] = members as [Member, Member];
  server.deliver = payload => [payload, payload];
  a.requests.take(name, 1, 100);
  a.fleet.publish();
  t.equal(b.requests.estimate(name), 1);
  t.strictSame(dropped(b), { duplicate: 1 });
  a.fleet.receive(server.log.at(-1)!);
  t.strictSame(dropped(a), { own: 1 });
  const held: Uint8Array[] = [];
  server.deliver = payload => {
    held.push(payload);
    return [];
  };
  a.requests.take(name, 1, 100);
  a.fleet.publish();
  clock.pass(60_000 + 2 * SLOT_MS);
  for (const payload of held) b.fleet.receive(payload);
  t.equal(b.requests.estimate(name), 0);
  t.strictSame(dropped(b), { duplicate: 1, slot: 1 });
});

t.test('what was taken back is taken back with the others', async t => {
  const { members } = await fleetOf(t, 2);
  const [a, b] = members as [Member, Member];
  const counted = a.requests.take(name, 500, 1000)!;
  a.fleet.publish();
  t.equal(b.requests.estimate(name), 500);
  counted.become(120);
  a.fleet.publish();
  t.equal(b.requests.estimate(name), 120);
  counted.become(900);
  a.fleet.publish();
  t.equal(b.requests.estimate(name), 900);
});

t.test('nothing is taken back of what was never heard', async t => {
  const { clock, server, members } = await fleetOf(t, 2);
  const [a, b] = members as [Member, Member];
  b.requests.take(name, 40, 1000);
  server.deliver = () => [];
  const lost = a.requests.take(name, 500, 1000)!;
  a.fleet.publish();
  server.deliver = payload => [payload];
  lost.become(10);
  a.fleet.publish();
  t.equal(b.requests.estimate(name), 40, 'what b itself counted is all there');
  t.strictSame(dropped(b), { missed: 1 });
  clock.pass(SLOT_MS);
  const heard = a.requests.take(name, 50, 1000)!;
  a.fleet.publish();
  heard.become(20);
  a.fleet.publish();
  t.equal(b.requests.estimate(name), 60, 'in later slots all is well again');
  const late = join(server, clock, 'late');
  t.teardown(() => late.fleet.close());
  await settled();
  heard.become(0);
  a.fleet.publish();
  t.equal(late.requests.estimate(name), 0);
  t.strictSame(dropped(late), { missed: 1 }, 'nor by one who came later');
});

t.test('other shapes, dimensions, seeds and strangers are dropped and counted', async t => {
  const { server, members } = await fleetOf(t, 2);
  const [a, b] = members as [Member, Member];
  a.requests.take(name, 1, 100);
  a.fleet.publish();
  const good = decodeDelta(server.log.at(-1)!, a.counts.seed) as Delta;
  let serial = good.serial;
  const send = (change: Partial<Delta>, seed = a.counts.seed) =>
    b.fleet.receive(encodeDelta({ ...good, serial: ++serial, ...change }, seed));
  const before = b.requests.estimate(name);
  send({ width: 2048 });
  send({ depth: 4 });
  send({ slotMs: 1000 });
  send({ dimension: 4 });
  send({ dimension: 99 });
  send({}, SketchSeed.random());
  send({ unixSlot: good.unixSlot + 2 });
  send({ unixSlot: good.unixSlot - 13 });
  b.fleet.receive(Buffer.from('hello'));
  b.fleet.receive(new Uint8Array(1_000_000));
  const forged = Buffer.from(server.log.at(-1)!);
  forged[forged.length - 1]! ^= 1;
  b.fleet.receive(forged);
  t.strictSame(dropped(b), { size: 1, malformed: 1, seed: 1, forged: 1, dimension: 2, shape: 3, slot: 2 });
  t.equal(b.requests.estimate(name), before);
});

t.test('of too many strangers the last are not listened to, and the silent are forgotten', async t => {
  const { clock, server, members } = await fleetOf(t, 1);
  const [a] = members as [Member];
  a.fleet.publish();
  const beat = decodeDelta(server.log.at(-1)!, a.counts.seed) as Delta;
  for (let i = 0; i < 1100; i++) {
    a.fleet.receive(encodeDelta({ ...beat, instance: `s${i}`, serial: 0 }, a.counts.seed));
  }
  t.equal(a.fleet.peers, 1024);
  t.strictSame(dropped(a), { peers: 76 });
  clock.pass(70_000);
  a.fleet.publish();
  t.equal(a.fleet.peers, 0);
});

t.test('a jump of one wall clock: names of slots follow, counts do not get lost', async t => {
  const server = new ScriptedServer();
  const clocks = [new HeldClock(), new HeldClock()] as const;
  const [a, b] = [join(server, clocks[0], 'a'), join(server, clocks[1], 'b')];
  t.teardown(() => Promise.all([a.fleet.close(), b.fleet.close()]));
  await settled();
  const pass = (ms: number) => {
    for (const clock of clocks) clock.pass(ms);
  };
  pass(70_000);
  clocks[0].jump(HOUR_MS);
  for (let n = 0; n < 5; n++) a.requests.take(name, 1, 100);
  a.fleet.publish();
  t.strictSame(dropped(b), { slot: 1 }, 'an hour apart they do not understand each other');
  t.equal(a.requests.estimate(name), 5);
  clocks[0].jump(-HOUR_MS);
  pass(70_000);
  a.fleet.publish();
  a.requests.take(name, 1, 100);
  a.fleet.publish();
  b.fleet.publish();
  t.equal(b.requests.estimate(name), 1, 'and then they do again');
});

for (const who of [0, 1]) {
  t.test(`after new names of slots nothing is taken back under an old one (${who})`, async t => {
    const server = new ScriptedServer();
    const clocks = [new HeldClock(), new HeldClock()] as const;
    const [a, b] = [join(server, clocks[0], 'a'), join(server, clocks[1], 'b')];
    t.teardown(() => Promise.all([a.fleet.close(), b.fleet.close()]));
    await settled();
    const publish = () => {
      a.fleet.publish();
      b.fleet.publish();
    };
    for (const clock of clocks) clock.pass(70_000);
    publish();
    const counted = a.requests.take(name, 500, 1000)!;
    publish();
    // What b counts in the slots around, a must not take away.
    for (let slot = 0; slot < 4; slot++) {
      for (const clock of clocks) clock.pass(SLOT_MS);
      b.requests.take(name, 40, 10_000);
      publish();
    }
    t.equal(b.requests.estimate(name), 660);
    clocks[who]!.jump(who === 0 ? 2 * SLOT_MS : -2 * SLOT_MS);
    publish();
    counted.become(10);
    publish();
    t.equal(b.requests.estimate(name), 660, 'what b cannot find again stays');
  });
}
