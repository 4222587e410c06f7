import { copyFileSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import { watchFiles } from '../../../lib/config/index.ts';
import { DenyFault } from '../../../lib/keys/deny/deny-fault.ts';
import { kvKey, kvValue } from '../../../lib/keys/deny/kv-spelling.ts';
import { readSnapshot } from '../../../lib/keys/deny/snapshot-file.ts';
import { Changes } from '../../deadline/index.ts';
import { folderOf, NATS, principal, settings } from './house.ts';
import { install } from './installed.ts';
import { ScriptedBus } from './scripted-bus.ts';

const KEY = { kind: 'key', id: '01k', reason: 'fraud' } as const;

function value(id: string) {
  return kvValue({ kind: 'key', id, terms: { reason: 'x', untilMs: null, issuedBeforeMs: null } });
}

/** Until a snapshot has so many entries. */
async function saved(path: string, count: number): Promise<void> {
  const changes = new Changes();
  let version = 0;
  const onChange = (): void => {
    version++;
    changes.notify();
  };
  const watcher = watchFiles([path], onChange, { debounceMs: 1, pollMs: 20 });
  try {
    for (;;) {
      const seen = version;
      const snapshot = await readSnapshot(path);
      if (snapshot !== null && typeof snapshot !== 'string' && snapshot.count >= count) return;
      await changes.until(() => version > seen, `${count} entries in ${path}`);
    }
  } finally {
    watcher.close();
  }
}

t.test('what stays the same in a reload goes on: the set, the connection, the file', async t => {
  const bus = new ScriptedBus();
  const bucket = bus.bucket('weir-deny');
  const path = join(folderOf(t), 'deny.snapshot');
  const file = join(path, '../deny.yaml');
  writeFileSync(file, '- { kind: subject, id: bob, reason: left }\n');
  bucket.write(kvKey('key', '01k'), value('01k'));
  const nats = () => ({ ...NATS, token: new Secret('same') });
  const old = await install(t, bus, settings({ snapshot: path, file, nats: nats() }));
  bucket.sync();
  const fresh = await install(
    t,
    bus,
    settings({ snapshot: path, file, nats: nats(), cutStreams: true }),
    old,
  );
  t.equal(bus.open, 1);
  t.equal(bucket.followers.size, 1);
  for (const running of [old, fresh]) {
    t.equal(running.code(principal()), 'invalid_key');
    t.equal(running.code(principal({ keyId: 'x', subject: 'bob' })), 'invalid_key');
  }
  await old.close();
  t.equal(bucket.followers.size, 1);
  bucket.write(kvKey('key', '02k'), value('02k'));
  bucket.sync();
  t.equal(fresh.code(principal({ keyId: '02k' })), 'invalid_key');
  t.equal(fresh.code(principal({ keyId: 'x', subject: 'bob' })), 'invalid_key');
  await fresh.close();
  t.equal(bus.open, 0);
});

t.test('another secret is another connection', async t => {
  const bus = new ScriptedBus();
  const nats = (token: string) => ({ ...NATS, token: new Secret(token) });
  const old = await install(t, bus, settings({ nats: nats('one') }));
  await install(t, bus, settings({ nats: nats('two') }), old);
  t.equal(bus.open, 2);
});

t.test('killed between two clusters: what the old one denied goes once the new one was read', async t => {
  const bus = new ScriptedBus();
  const path = join(folderOf(t), 'deny.snapshot');
  const [first, second] = [bus.bucket('weir-deny'), bus.bucket('second')];
  first.write(kvKey('key', '01k'), value('01k'));
  second.write(kvKey('key', '02k'), value('02k'));
  const old = await install(t, bus, settings({ snapshot: path, nats: NATS }));
  first.sync();
  const nats = { ...NATS, bucket: 'second' };
  const fresh = await install(t, bus, settings({ snapshot: path, nats }), old);
  second.sync();
  // Both are followed, and both are in the snapshot.
  await fresh.call('POST', '/deny', { ...KEY, id: '03k' });
  await old.call('POST', '/deny', { ...KEY, id: '04k' });
  await t.resolves(saved(path, 4));
  const copy = `${path}.copy`;
  copyFileSync(path, copy);
  const next = await install(t, bus, settings({ snapshot: copy, nats }));
  for (const keyId of ['01k', '02k', '03k', '04k'])
    t.equal(next.code(principal({ keyId })), 'invalid_key', keyId);
  second.sync();
  for (const [keyId, code] of [
    ['01k', null],
    ['02k', 'invalid_key'],
    ['03k', 'invalid_key'],
    ['04k', null],
  ] as const)
    t.equal(next.code(principal({ keyId })), code, keyId);
});

t.test('a larger table is in force before the small one goes, with what is denied meanwhile', async t => {
  const old = await install(t, new ScriptedBus(), settings({}));
  await old.call('POST', '/deny', KEY);
  const fresh = await install(t, new ScriptedBus(), settings({ maxEntries: 2000 }), old);
  await old.call('POST', '/deny', { ...KEY, id: '02k' });
  for (const id of ['01k', '02k']) t.equal(fresh.code(principal({ keyId: id })), 'invalid_key');
  await old.close();
  t.equal(fresh.metric('weir_deny_capacity'), 2000);
  t.equal((await fresh.call('DELETE', '/deny/key/02k')).status, 200);
  t.equal(fresh.code(principal({ keyId: '02k' })), null);
  t.equal(fresh.code(principal()), 'invalid_key');
});

t.test('another snapshot file has everything before the reload is through', async t => {
  const bus = new ScriptedBus();
  const folder = folderOf(t);
  const [a, b] = [join(folder, 'a'), join(folder, 'b')];
  const earlier = await install(t, bus, settings({ snapshot: b }));
  await earlier.call('POST', '/deny', { ...KEY, id: 'of an earlier run' });
  await earlier.close();
  const old = await install(t, bus, settings({ snapshot: a }));
  await old.call('POST', '/deny', KEY);
  const fresh = await install(t, bus, settings({ snapshot: b }), old);
  t.strictSame(await fresh.ids(), ['key 01k local', 'key of an earlier run local']);
  // As if all were killed now.
  const next = await install(t, bus, settings({ snapshot: b }));
  t.strictSame(await next.ids(), ['key 01k local', 'key of an earlier run local']);
  await old.close();
  await fresh.call('POST', '/deny', { ...KEY, id: '02k' });
  const last = await install(t, bus, settings({ snapshot: b }));
  t.equal((await last.ids()).length, 3);
});

t.test('a reload that fails leaves everything as it was', async t => {
  const bus = new ScriptedBus();
  const bucket = bus.bucket('weir-deny');
  const folder = folderOf(t, { 'bad.yaml': '- {', 'good.yaml': '[]', 'b.snapshot': 'nonsense' });
  const path = join(folder, 'deny.snapshot');
  const old = await install(
    t,
    bus,
    settings({ snapshot: path, nats: NATS, file: join(folder, 'good.yaml') }),
  );
  bucket.write(kvKey('key', '01k'), value('01k'));
  bucket.sync();
  const other = { ...NATS, servers: ['nats://other:4222'] };
  for (const changes of [
    { snapshot: path, nats: other, file: join(folder, 'bad.yaml') },
    { snapshot: join(folder, 'b.snapshot'), file: join(folder, 'good.yaml') },
    { snapshot: join(folder, 'good.yaml/below'), nats: NATS },
  ])
    await t.rejects(install(t, bus, settings(changes), old), DenyFault);
  // One that is given up after it was built, since something else of the reload failed.
  const given = await install(t, bus, settings({ snapshot: path, nats: other, maxEntries: 3000 }), old);
  await given.close();
  t.equal(bus.open, 1);
  t.equal(old.code(principal()), 'invalid_key');
  t.strictSame(await old.ids(), ['key 01k nats']);
  t.strictSame(old.degraded(), []);
  bucket.write(kvKey('key', '01k'), null);
  bucket.sync();
  t.equal(old.code(principal()), null);
});

t.test('another cluster: what the old one denied is denied until the new one was read', async t => {
  const bus = new ScriptedBus();
  const [first, second] = [bus.bucket('weir-deny'), bus.bucket('second')];
  for (const id of ['01k', '02k']) first.write(kvKey('key', id), value(id));
  second.write(kvKey('key', '02k'), value('02k'));
  second.isDown = true;
  const old = await install(t, bus, settings({ nats: NATS, requireSeed: true }));
  first.sync();
  const fresh = await install(
    t,
    bus,
    settings({ nats: { ...NATS, bucket: 'second' }, requireSeed: true }),
    old,
  );
  t.equal(fresh.code(principal()), 'invalid_key');
  t.equal(fresh.code(principal({ keyId: 'x' })), null, 'the set is as good as it was before the reload');
  await old.close();
  t.equal(fresh.code(principal()), 'invalid_key');
  second.isDown = false;
  second.sync();
  t.equal(fresh.code(principal()), null);
  t.equal(fresh.code(principal({ keyId: '02k' })), 'invalid_key');
});

t.test('without NATS from now on: what the bucket denied stays, as ours, also on disk', async t => {
  const bus = new ScriptedBus();
  const path = join(folderOf(t), 'deny.snapshot');
  bus.bucket('weir-deny').write(kvKey('key', '01k'), value('01k'));
  const old = await install(t, bus, settings({ snapshot: path, nats: NATS }));
  bus.bucket('weir-deny').sync();
  const fresh = await install(t, bus, settings({ snapshot: path }), old);
  t.equal(fresh.code(principal()), 'invalid_key');
  await old.close();
  t.equal(bus.open, 0);
  t.equal(fresh.code(principal()), 'invalid_key');
  t.strictSame(await fresh.ids(), ['key 01k local']);
  t.ok(fresh.house.codes().includes('deny_entries_adopted'));
  const next = await install(t, bus, settings({ snapshot: path }));
  t.strictSame(await next.ids(), ['key 01k local']);
});

t.test('another file, or none: what the old one said goes with it', async t => {
  const bus = new ScriptedBus();
  const folder = folderOf(t, {
    'a.yaml': '- { kind: key, id: 01k, reason: x }',
    'b.yaml': '- { kind: key, id: 02k, reason: x }',
  });
  const old = await install(t, bus, settings({ file: join(folder, 'a.yaml') }));
  const fresh = await install(t, bus, settings({ file: join(folder, 'b.yaml') }), old);
  t.equal(fresh.code(principal()), 'invalid_key', 'until the old one is closed both say what is denied');
  await old.close();
  t.equal(fresh.code(principal()), null);
  t.equal(fresh.code(principal({ keyId: '02k' })), 'invalid_key');
  const last = await install(t, bus, settings({}), fresh);
  await fresh.close();
  t.equal(last.code(principal({ keyId: '02k' })), null);
});

t.test('several reloads while exchanges of the first still run', async t => {
  const bus = new ScriptedBus();
  const path = join(folderOf(t), 'deny.snapshot');
  bus.bucket('weir-deny').write(kvKey('key', '01k'), value('01k'));
  const a = await install(t, bus, settings({ snapshot: path, nats: NATS }));
  bus.bucket('weir-deny').sync();
  const other = { ...NATS, bucket: 'second' };
  const b = await install(t, bus, settings({ snapshot: path, nats: other }), a);
  const c = await install(t, bus, settings({ snapshot: path }), b);
  await Promise.all([a.close(), b.close()]);
  t.equal(c.code(principal()), 'invalid_key');
  t.strictSame(await c.ids(), ['key 01k local']);
  await c.close();
  t.equal(bus.open, 0);
  t.ok(existsSync(path));
});
