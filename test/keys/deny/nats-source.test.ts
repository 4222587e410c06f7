import t, { type Test } from 'tap';
import { BusError, OVERSIZED } from '../../../lib/bus/index.ts';
import { DenySet } from '../../../lib/keys/deny/deny-set.ts';
import { kvKey, kvValue } from '../../../lib/keys/deny/kv-spelling.ts';
import { NatsSource } from '../../../lib/keys/deny/nats-source.ts';
import { TestHouse } from './house.ts';
import { ScriptedBus } from './scripted-bus.ts';

const FOREVER = { untilMs: null, issuedBeforeMs: null };

async function lab(t: Test) {
  const house = new TestHouse();
  const { clock } = house;
  const scripted = new ScriptedBus();
  const bucket = scripted.bucket('weir-deny');
  const set = new DenySet(clock);
  const table = await set.addTable(100_000);
  const bus = await scripted.connect();
  const warn = house.warn.bind(house);
  const book = set.addBook('nats');
  const source = new NatsSource({ bus, bucket: 'weir-deny', set, book, clock, warn });
  source.start();
  t.teardown(() => source.close());
  const value = (id: string, reason = 'x') => kvValue({ kind: 'key', id, terms: { reason, ...FOREVER } });
  const deny = (id: string, reason?: string) => bucket.write(kvKey('key', id), value(id, reason));
  const allow = (id: string) => bucket.write(kvKey('key', id), null);
  const denied = (id: string) => table.prints.lookup(set.prints.of('key', id)) !== null;
  const reason = (id: string) => set.held(source.book, set.named('key', id))?.terms.reason ?? null;
  const named = (id: string) => set.named('key', id);
  return { house, clock, bucket, set, table, source, value, deny, allow, denied, reason, named };
}

/** Until all that was put off to later turns of the event loop is done. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve));
}

t.test('what is written counts when it is delivered; what is deleted no longer', async t => {
  const { bucket, deny, allow, denied, source } = await lab(t);
  deny('a');
  t.notOk(source.isSeeded);
  bucket.sync();
  t.ok(denied('a'));
  t.ok(source.isSeeded);
  deny('b');
  allow('a');
  bucket.sync();
  t.notOk(denied('a'));
  t.ok(denied('b'));
  t.strictSame(source.book.place.cursor, { created: 'first', revision: 3, mark: 'at 3' });
});

t.test('twice, late, or out of order: the last write of a key counts', async t => {
  const { bucket, source, value, denied, reason } = await lab(t);
  bucket.sync();
  const cursor = (revision: number) => ({ created: 'first', revision });
  const give = (id: string, revision: number, why: string | null) =>
    source.apply(
      { key: kvKey('key', id), value: why === null ? null : value(id, why), revision },
      cursor(revision),
    );
  give('a', 10, 'ten');
  give('a', 9, 'nine');
  t.equal(reason('a'), 'ten');
  give('a', 10, 'ten');
  give('a', 8, null);
  t.equal(reason('a'), 'ten');
  give('a', 12, null);
  give('a', 11, 'eleven');
  t.notOk(denied('a'), 'an older write does not bring back what was removed');
  give('a', 13, 'thirteen');
  t.equal(reason('a'), 'thirteen');
});

t.test('a bucket that was made anew is read whole, and its revisions start over', async t => {
  const { bucket, deny, denied, reason, source } = await lab(t);
  for (const id of ['a', 'b', 'c']) deny(id, 'old');
  bucket.sync();
  bucket.recreate();
  t.ok(denied('a'));
  deny('b', 'new');
  bucket.sync();
  t.notOk(denied('a'));
  t.equal(reason('b'), 'new');
  deny('b', 'newer');
  bucket.sync();
  t.equal(reason('b'), 'newer', 'although the old bucket had a higher revision');
  t.equal(source.book.place.cursor?.created, 'first anew');
});

t.test('a whole reading in steps: denied stays denied, and writes meanwhile count', async t => {
  const { bucket, deny, allow, denied, source, table } = await lab(t);
  for (let i = 0; i < 5000; i++) deny(`stays ${i}`);
  for (let i = 0; i < 5000; i++) deny(`goes ${i}`);
  bucket.sync();
  t.notOk(source.wasRead, 'what is not in force yet was not read');
  await turns(10);
  t.ok(source.wasRead);
  t.equal(table.prints.size, 10_000);
  for (let i = 0; i < 5000; i++) allow(`goes ${i}`);
  bucket.compact();
  bucket.sync();
  t.ok(table.prints.size >= 5000 && table.prints.size <= 10_000);
  // The reading is under way; both of these it has the other way round.
  allow('stays 4999');
  deny('goes 4999', 'again');
  const { cursor } = source.book.place;
  bucket.sync();
  t.notOk(denied('stays 4999'));
  t.ok(denied('goes 4999'));
  t.strictSame(
    source.book.place.cursor,
    cursor,
    'a snapshot goes on from before the reading until it is in force',
  );
  let isComplete = true;
  for (let turn = 0; turn < 12; turn++) {
    await turns(1);
    for (let i = 0; i < 4999; i += 71) isComplete &&= denied(`stays ${i}`);
  }
  t.ok(isComplete);
  t.equal(table.prints.size, 5000);
  t.notOk(denied('stays 4999'));
  t.ok(denied('goes 4999'));
  t.equal(source.book.place.cursor?.revision, bucket.revision);
});

t.test('of two whole readings the later counts', async t => {
  const { bucket, deny, denied, table } = await lab(t);
  for (let i = 0; i < 5000; i++) deny(`old ${i}`);
  bucket.sync();
  bucket.recreate();
  deny('new');
  bucket.sync();
  await turns(10);
  t.equal(table.prints.size, 1);
  t.ok(denied('new'));
});

t.test('what was written here counts at once, and outlives a reading from before it', async t => {
  const { bucket, source, set, denied, named, value, reason } = await lab(t);
  bucket.sync();
  await source.put(named('mine'), { reason: 'fraud', ...FOREVER });
  t.ok(denied('mine'));
  t.ok(bucket.content.has(kvKey('key', 'mine')));
  source.replace(new Map(), { created: 'first', revision: 0 });
  t.ok(denied('mine'));
  // Its delivery, and a write by others after it.
  bucket.sync();
  t.ok(denied('mine'));
  bucket.write(kvKey('key', 'mine'), value('mine', 'other'));
  bucket.sync();
  t.equal(reason('mine'), 'other');
  source.replace(new Map(), { created: 'first', revision: bucket.revision });
  t.notOk(denied('mine'), 'once it was delivered, a reading without it says that it is gone');
  t.equal(set.count('nats'), 0);
});

t.test('what was written here before anything was read outlives a reading from before it', async t => {
  const { bucket, source, deny, denied, named } = await lab(t);
  deny('a');
  await source.put(named('mine'), { reason: 'x', ...FOREVER });
  source.replace(new Map([...bucket.content].slice(0, 1)), { created: bucket.created, revision: 1 });
  t.ok(denied('a'));
  t.ok(denied('mine'));
});

t.test('what was written here and is nowhere is given up', async t => {
  const { bucket, clock, source, denied, named } = await lab(t);
  bucket.sync();
  await source.put(named('a'), { reason: 'x', ...FOREVER });
  bucket.recreate();
  bucket.sync();
  t.notOk(denied('a'), 'it was written into another bucket');
  await source.put(named('b'), { reason: 'x', ...FOREVER });
  // Rewound: the write is lost, although the bucket is the same.
  source.replace(new Map(), { created: bucket.created, revision: 0 });
  source.current();
  t.ok(denied('b'), 'its delivery may be on the way');
  t.equal(source.book.place.cursor, null, 'whoever goes on from here must read it all');
  clock.nowMs += 31_000;
  source.current();
  t.notOk(denied('b'));
  t.ok(source.book.place.cursor);
});

t.test('a write of ours that is nowhere takes nobody else’s with it', async t => {
  const { bucket, clock, source, deny, denied, named } = await lab(t);
  deny('first');
  await source.put(named('a'), { reason: 'x', ...FOREVER });
  bucket.recreate();
  deny('a');
  bucket.sync();
  clock.nowMs += 31_000;
  bucket.sync();
  t.ok(denied('a'));
});

t.test('what was removed here counts at once; what others wrote meanwhile stays', async t => {
  const { bucket, source, deny, denied, named, value } = await lab(t);
  deny('a');
  deny('b');
  bucket.sync();
  await source.remove(named('a'));
  t.notOk(denied('a'));
  t.notOk(bucket.content.has(kvKey('key', 'a')));
  const removing = source.remove(named('b'));
  const revision = bucket.write(kvKey('key', 'b'), value('b', 'again'));
  source.apply(
    { key: kvKey('key', 'b'), value: value('b', 'again'), revision },
    { created: 'first', revision },
  );
  await removing;
  t.ok(denied('b'));
});

t.test('while the bus is down nothing changes, here or there', async t => {
  const { bucket, source, deny, denied, named } = await lab(t);
  deny('a');
  bucket.sync();
  bucket.isDown = true;
  await t.rejects(source.put(named('b'), { reason: 'x', ...FOREVER }), BusError);
  await t.rejects(source.remove(named('a')), BusError);
  await t.rejects(source.has(named('b')), BusError);
  t.ok(denied('a'));
  t.notOk(denied('b'));
  t.notOk(source.isConnected);
});

t.test('a value that cannot be read denies; a key that is none of ours does not; both are told', async t => {
  const { bucket, house, denied, reason, source, table } = await lab(t);
  bucket.write(kvKey('key', 'a'), 'what?');
  bucket.write('token.YWI', 'x');
  bucket.write('token.YWI', null);
  bucket.write('key.YWJ', 'x');
  bucket.sync();
  t.ok(denied('a'));
  t.equal(reason('a'), 'unknown');
  t.equal(table.prints.size, 1);
  t.equal(source.unreadable, 2, 'of a deletion nothing is lost');
  t.strictSame(house.codes(), ['deny_entry_unreadable']);
});

t.test('what cannot be read is known until it is written anew or removed, by whomever', async t => {
  const { bucket, source, deny, named, denied, reason } = await lab(t);
  bucket.write(kvKey('key', 'a'), OVERSIZED);
  bucket.write(kvKey('key', 'b'), 'what?');
  bucket.write(kvKey('key', 'c'), 'what?');
  bucket.write(kvKey('key', 'd'), 'what?');
  bucket.write('token.YWI', 'x');
  bucket.sync();
  t.ok(denied('a'));
  t.equal(reason('a'), 'unknown');
  t.equal(source.unreadableNow, 5);
  deny('a');
  bucket.write(kvKey('key', 'b'), null);
  bucket.write('token.YWI', null);
  bucket.sync();
  t.equal(source.unreadableNow, 2);
  await source.put(named('c'), { reason: 'x', ...FOREVER });
  await source.remove(named('d'));
  bucket.sync();
  t.equal(source.unreadableNow, 0);
  bucket.write(kvKey('key', 'e'), 'what?');
  bucket.sync();
  t.equal(source.unreadableNow, 1);
  bucket.recreate();
  bucket.sync();
  t.equal(source.unreadableNow, 0, 'another bucket does not have it');
});

t.test('how old it is', async t => {
  const { bucket, clock, source } = await lab(t);
  const startedMs = clock.nowMs;
  clock.nowMs += 5000;
  t.equal(source.currentMs, startedMs, 'from the start, while it was never current');
  let told = 0;
  const off = source.onState(() => told++);
  bucket.sync();
  t.equal(source.currentMs, clock.nowMs);
  t.equal(told, 1);
  bucket.isDown = true;
  clock.nowMs += 90_000;
  bucket.sync();
  t.equal(source.currentMs, clock.nowMs - 90_000);
  bucket.isDown = false;
  off();
  bucket.sync();
  t.equal(source.currentMs, clock.nowMs);
  t.equal(told, 1);
});

t.test('what another book has is denied until the bucket was read', async t => {
  const { bucket, source, set, deny, denied, reason } = await lab(t);
  const other = set.addBook('nats');
  for (const id of ['a', 'b']) set.put(other, set.named('key', id), { reason: 'inherited', ...FOREVER }, 7);
  deny('b', 'own');
  await source.inherit(other);
  await set.dropBook(other);
  t.ok(denied('a'));
  bucket.sync();
  t.notOk(denied('a'));
  t.equal(reason('b'), 'own');
  const third = set.addBook('nats');
  set.put(third, set.named('key', 'c'), { reason: 'inherited', ...FOREVER }, 7);
  await source.inherit(third);
  await set.dropBook(third);
  t.notOk(denied('c'), 'what was read has nothing to inherit');
});

t.test('nothing counts after the close', async t => {
  const { bucket, source, deny, denied } = await lab(t);
  bucket.sync();
  await source.close();
  deny('a');
  bucket.sync();
  source.apply({ key: kvKey('key', 'a'), value: null, revision: 9 }, { created: 'x', revision: 9 });
  source.replace(new Map(), { created: 'x', revision: 9 });
  source.current();
  t.notOk(denied('a'));
  t.equal(bucket.followers.size, 0);
});
