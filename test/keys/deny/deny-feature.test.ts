import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type ConfigContext, ConfigReader } from '../../../lib/config/index.ts';
import { DenyFault } from '../../../lib/keys/deny/deny-fault.ts';
import { denyFeature } from '../../../lib/keys/deny/deny-feature.ts';
import { kvKey, kvValue } from '../../../lib/keys/deny/kv-spelling.ts';
import type { DenySettings } from '../../../lib/keys/deny/settings.ts';
import { folderOf, NATS, principal, settings } from './house.ts';
import { install } from './installed.ts';
import { ScriptedBus } from './scripted-bus.ts';

const KEY = { kind: 'key', id: '01k', reason: 'fraud' } as const;

function value(id: string, reason = 'fraud') {
  return kvValue({ kind: 'key', id, terms: { reason, untilMs: null, issuedBeforeMs: null } });
}

t.test('the section: defaults, and what may stand in it', async t => {
  const reader = new ConfigReader<{ deny: DenySettings }>({
    type: 'object',
    properties: { deny: denyFeature.schema },
  });
  const context: ConfigContext = { file: null, baseDir: '/etc/weir', env: {} };
  const read = (deny: object) => reader.readObject({ deny }, context);
  const empty = read({});
  t.strictSame(empty.ok && empty.settings.deny, {
    snapshot: '/etc/weir/data/deny.snapshot',
    maxEntries: 1_000_000,
    cutStreams: false,
    requireSeed: false,
  });
  const full = read({
    file: './deny.yaml',
    snapshot: 'none',
    nats: { servers: ['nats://127.0.0.1:4222'] },
    maxEntries: 1000,
    maxStaleness: '15m',
  });
  if (!full.ok) throw new Error('it is good');
  const { deny } = full.settings;
  t.strictSame(
    [deny.file, deny.snapshot, deny.nats?.bucket, deny.maxStaleness],
    ['/etc/weir/deny.yaml', 'none', 'weir-deny', 900_000],
  );
  for (const bad of [
    { maxEntries: 999 },
    { maxEntries: 16_000_001 },
    { snapshot: '' },
    { maxStaleness: '1s' },
    { nats: {} },
    { snapshots: 'x' },
  ])
    t.notOk(read(bad).ok, JSON.stringify(bad));
  for (const section of [settings({}), deny]) t.ok(denyFeature.describe(section).length > 0);
});

t.test('denied and allowed through the ops API, over a restart', async t => {
  const bus = new ScriptedBus();
  const path = join(folderOf(t), 'data/deny.snapshot');
  const first = await install(t, bus, settings({ snapshot: path }));
  t.equal(first.code(principal()), null);
  t.strictSame(await first.call('POST', '/deny', KEY), {
    status: 201,
    body: { entry: KEY, writtenTo: path },
  });
  t.equal(first.code(principal()), 'invalid_key');
  const until = new Date(first.house.clock.nowMs + 3_600_000).toISOString();
  const hold = { kind: 'subject', id: 'bob', reason: 'spend', until };
  t.equal((await first.call('POST', '/deny', hold)).status, 201);
  t.equal((await first.call('POST', '/deny', { ...hold, issuedBefore: until })).status, 200);
  t.strictSame(await first.ids(), ['key 01k local', 'subject bob local']);
  // Not closed: what was answered must be there all the same.
  const second = await install(t, bus, settings({ snapshot: path }));
  t.equal(second.code(principal()), 'invalid_key');
  t.equal(second.code(principal({ keyId: 'x', subject: 'bob' })), 'spend_hold');
  t.equal((await second.call('DELETE', '/deny/key/01k')).status, 200);
  t.equal(second.code(principal()), null);
  await second.close();
  const third = await install(t, bus, settings({ snapshot: path }));
  t.strictSame(await third.ids(), ['subject bob local']);
  t.equal(bus.open, 0, 'without a nats section there is no bus');
  third.house.clock.nowMs += 3_600_000;
  t.strictSame(await third.ids(), [], 'over is over');
});

t.test('ids that need escaping', async t => {
  const running = await install(t, new ScriptedBus(), settings({}));
  const id = 'org/ü:7 %2F?#';
  t.equal((await running.call('POST', '/deny', { kind: 'subject', id, reason: 'x' })).status, 201);
  t.equal(running.code(principal({ subject: id })), 'invalid_key');
  t.strictSame(await running.ids(`&id=${encodeURIComponent(id)}`), [`subject ${id} local`]);
  t.strictSame(await running.call('DELETE', `/deny/subject/${encodeURIComponent(id)}`), {
    status: 200,
    body: { removed: { kind: 'subject', id }, from: ['local'] },
  });
});

t.test('calls that are refused change nothing', async t => {
  const running = await install(t, new ScriptedBus(), settings({}));
  const past = new Date(running.house.clock.nowMs).toISOString();
  for (const body of [
    undefined,
    null,
    [],
    {},
    { ...KEY, kind: 'x' },
    { ...KEY, until: past },
    { ...KEY, more: 1 },
  ])
    t.equal(await running.errorOf('POST', '/deny', body), '400 bad_request', JSON.stringify(body));
  for (const path of ['/deny/key/01k', '/deny/token/01k', `/deny/key/${'x'.repeat(300)}`])
    t.equal(await running.errorOf('DELETE', path), '404 not_found');
  for (const query of ['limit=0', 'limit=1001', 'limit=x', 'kind=token', 'source=here'])
    t.equal(await running.errorOf('GET', `/deny?${query}`), '400 bad_request');
  t.strictSame(await running.ids(), []);
});

t.test('pages: every entry once, in an order that holds while others come and go', async t => {
  const running = await install(t, new ScriptedBus(), settings({ maxEntries: 5000 }));
  const add = (id: string) => running.call('POST', '/deny', { kind: 'key', id, reason: 'x' });
  for (let i = 0; i < 250; i++) await add(`k${i}`);
  const seen: string[] = [];
  let after = '';
  let pages = 0;
  do {
    const { body } = await running.call('GET', `/deny?kind=key&limit=40${after}`);
    const page = body as { entries: { id: string }[]; next: string | null };
    t.ok(page.entries.length <= 40);
    seen.push(...page.entries.map(({ id }) => id));
    after = page.next === null ? '' : `&after=${encodeURIComponent(page.next)}`;
    // By turns the entry after which the next page begins goes; others come.
    if (pages % 2 === 0) await running.call('DELETE', `/deny/key/${page.entries.at(-1)!.id}`);
    await add(`new ${pages++}`);
  } while (after !== '');
  const old = seen.filter(id => id.startsWith('k'));
  t.equal(new Set(seen).size, seen.length);
  t.equal(old.length, 250);
  t.strictSame(await running.ids('&source=file'), []);
});

t.test('what the file holds is not removed elsewhere', async t => {
  const file = join(folderOf(t), 'deny.yaml');
  writeFileSync(file, '- { kind: key, id: 01k, reason: fraud }\n');
  const running = await install(t, new ScriptedBus(), settings({ file }));
  t.equal(running.code(principal()), 'invalid_key');
  await running.call('POST', '/deny', { ...KEY, reason: 'spend' });
  t.equal(await running.errorOf('DELETE', '/deny/key/01k'), '409 held_by_file');
  const { body } = await running.call('DELETE', '/deny/key/01k');
  t.match(JSON.stringify(body), file);
  t.strictSame(await running.ids('&id=01k'), ['key 01k local', 'key 01k file']);
  t.equal(running.metric('weir_deny_entries', 'file'), 1);
  t.equal(running.metric('weir_deny_entries', 'local'), 1);
});

t.test('with NATS: calls write there, and what others write counts here', async t => {
  const bus = new ScriptedBus();
  const bucket = bus.bucket('weir-deny');
  const a = await install(t, bus, settings({ nats: NATS }));
  const b = await install(t, bus, settings({ nats: NATS }));
  bucket.sync();
  t.strictSame(await a.call('POST', '/deny', KEY), {
    status: 201,
    body: { entry: KEY, writtenTo: 'nats:weir-deny' },
  });
  t.equal(a.code(principal()), 'invalid_key', 'without waiting for its delivery');
  t.equal(b.code(principal()), null);
  bucket.sync();
  t.equal(b.code(principal()), 'invalid_key');
  t.equal((await b.call('POST', '/deny', { ...KEY, reason: 'spend' })).status, 200);
  t.equal((await b.call('DELETE', '/deny/key/01k')).status, 200);
  t.equal(b.code(principal()), null);
  bucket.sync();
  t.equal(a.code(principal()), null);
  // One that this instance has not heard of yet.
  bucket.write(kvKey('key', '02k'), value('02k'));
  t.equal((await a.call('DELETE', '/deny/key/02k')).status, 200);
  t.equal(await a.errorOf('DELETE', '/deny/key/02k'), '404 not_found');
  bucket.isDown = true;
  t.equal(await a.errorOf('POST', '/deny', KEY), '503 bus_unavailable');
  t.equal(await a.errorOf('DELETE', '/deny/key/01k'), '503 bus_unavailable');
  t.equal(a.code(principal()), null);
  t.equal(a.metric('weir_deny_nats_connected'), 0);
  await a.close();
  await b.close();
  t.equal(bus.open, 0);
});

t.test(
  'NATS down at the start: what the snapshot has is in force, and the rest comes when it is back',
  async t => {
    const bus = new ScriptedBus();
    const bucket = bus.bucket('weir-deny');
    const path = join(folderOf(t), 'deny.snapshot');
    bucket.write(kvKey('key', '01k'), value('01k'));
    const first = await install(t, bus, settings({ snapshot: path, nats: NATS }));
    bucket.sync();
    await first.close();
    bucket.isDown = true;
    bucket.write(kvKey('key', '02k'), value('02k'));
    bucket.write(kvKey('key', '01k'), null);
    const second = await install(t, bus, settings({ snapshot: path, nats: NATS, requireSeed: true }));
    bucket.sync();
    t.equal(second.code(principal()), 'invalid_key');
    t.equal(second.code(principal({ keyId: '02k' })), null);
    t.strictSame(second.degraded(), []);
    second.house.clock.nowMs += 61_000;
    t.strictSame(second.degraded(), ['deny_stale']);
    t.equal(second.metric('weir_deny_age_seconds'), 61);
    bucket.isDown = false;
    bucket.sync();
    t.equal(second.code(principal()), null);
    t.equal(second.code(principal({ keyId: '02k' })), 'invalid_key');
    t.strictSame(second.degraded(), []);
    t.equal(second.metric('weir_deny_age_seconds'), 0);
  },
);

t.test('never read, and no snapshot: keys are served, or wait, as the operator says', async t => {
  const bus = new ScriptedBus();
  bus.bucket('weir-deny').isDown = true;
  const open = await install(t, bus, settings({ nats: NATS }));
  t.equal(open.code(principal()), null);
  t.strictSame(open.degraded(), ['deny_unseeded']);
  const strict = await install(t, bus, settings({ nats: NATS, requireSeed: true }));
  t.equal(strict.code(principal()), 'deny_unseeded');
  t.equal(strict.code(principal({ auth: 'static' })), null);
  t.equal(strict.code(principal({ auth: 'byo' })), null);
  t.strictSame(strict.degraded(), ['deny_unseeded!']);
  bus.bucket('weir-deny').isDown = false;
  bus.bucket('weir-deny').sync();
  t.equal(strict.code(principal()), null);
  t.strictSame(strict.degraded(), []);
});

t.test('too stale: virtual keys wait, if the operator says so', async t => {
  const bus = new ScriptedBus();
  const bucket = bus.bucket('weir-deny');
  const path = join(folderOf(t), 'deny.snapshot');
  const strict = settings({ snapshot: path, nats: NATS, maxStaleness: 120_000 });
  const running = await install(t, bus, strict);
  bucket.sync();
  running.house.clock.nowMs += 119_000;
  t.equal(running.code(principal()), null);
  running.house.clock.nowMs += 1000;
  t.equal(running.code(principal()), 'deny_stale');
  t.equal(running.code(principal({ auth: 'static' })), null);
  t.strictSame(running.degraded(), ['deny_stale!']);
  await running.close();
  bucket.isDown = true;
  const again = await install(t, bus, strict);
  again.house.clock.nowMs = running.house.clock.nowMs;
  t.equal(again.code(principal()), 'deny_stale', 'a restart makes nothing younger');
  bucket.isDown = false;
  bucket.sync();
  t.equal(again.code(principal()), null);
});

t.test('a damaged snapshot: refused, or read anew where a bucket has it all', async t => {
  const bus = new ScriptedBus();
  const bucket = bus.bucket('weir-deny');
  const path = join(folderOf(t), 'deny.snapshot');
  const first = await install(t, bus, settings({ snapshot: path }));
  await first.call('POST', '/deny', KEY);
  await first.close();
  const good = readFileSync(path);
  for (let at = 0; at < good.length; at += 7) {
    const bad = Buffer.from(good);
    bad[at]! ^= 0x10;
    writeFileSync(path, bad);
    await t.rejects(install(t, bus, settings({ snapshot: path })), DenyFault);
    writeFileSync(path, good.subarray(0, at));
    await t.rejects(install(t, bus, settings({ snapshot: path })), {
      message: /restore the file from a backup/,
    });
    t.strictSame(readFileSync(path), good.subarray(0, at), 'it is left as it is');
  }
  bucket.isDown = true;
  const second = await install(t, bus, settings({ snapshot: path, nats: NATS, requireSeed: true }));
  t.strictSame(second.house.codes(), ['deny_snapshot_damaged']);
  t.strictSame(second.degraded(), ['deny_unseeded!', 'deny_snapshot_damaged']);
  t.equal(second.code(principal()), 'deny_unseeded');
  t.ok(existsSync(`${path}.damaged`));
  bucket.isDown = false;
  bucket.sync();
  t.strictSame(
    second.degraded(),
    ['deny_snapshot_damaged'],
    'what only this gateway had denied may be missing',
  );
});

t.test('a snapshot of another cluster, or of another bucket, counts until this one was read', async t => {
  for (const change of ['cluster', 'bucket'] as const) {
    const bus = new ScriptedBus();
    const path = join(folderOf(t), `${change}.snapshot`);
    const bucket = bus.bucket('weir-deny');
    bucket.write(kvKey('key', '01k'), value('01k'));
    const first = await install(t, bus, settings({ snapshot: path, nats: NATS }));
    bucket.sync();
    await first.close();
    if (change === 'cluster') bucket.recreate();
    const name = change === 'cluster' ? 'weir-deny' : 'other';
    bus.bucket(name).write(kvKey('key', '02k'), value('02k'));
    const nats = { ...NATS, bucket: name };
    const second = await install(t, bus, settings({ snapshot: path, nats }));
    t.equal(second.code(principal()), 'invalid_key', change);
    t.strictSame(second.degraded(), change === 'cluster' ? [] : ['deny_unseeded']);
    bus.bucket(name).sync();
    t.equal(second.code(principal()), null);
    t.equal(second.code(principal({ keyId: '02k' })), 'invalid_key');
  }
});

t.test('a bucket that is no longer configured: what it denied stays, as ours', async t => {
  const bus = new ScriptedBus();
  const path = join(folderOf(t), 'deny.snapshot');
  const bucket = bus.bucket('weir-deny');
  bucket.write(kvKey('key', '01k'), value('01k'));
  const first = await install(t, bus, settings({ snapshot: path, nats: NATS }));
  bucket.sync();
  await first.close();
  const second = await install(t, bus, settings({ snapshot: path }));
  t.equal(second.code(principal()), 'invalid_key');
  t.strictSame(second.house.codes(), ['deny_entries_adopted']);
  t.strictSame(await second.ids(), ['key 01k local']);
  await second.close();
  const third = await install(t, bus, settings({ snapshot: path, nats: NATS }));
  t.strictSame(await third.ids(), ['key 01k local']);
  t.equal((await third.call('DELETE', '/deny/key/01k')).status, 200);
  t.equal(third.code(principal()), null);
});

t.test('a file that is broken at the start: what the snapshot knows of it, or no start', async t => {
  const folder = folderOf(t);
  const file = join(folder, 'deny.yaml');
  const path = join(folder, 'deny.snapshot');
  const bus = new ScriptedBus();
  writeFileSync(file, '- { kind: key, id: 01k, reason: x }\n');
  const first = await install(t, bus, settings({ snapshot: path, file }));
  await first.close();
  renameSync(file, `${file}.gone`);
  const second = await install(t, bus, settings({ snapshot: path, file }));
  t.equal(second.code(principal()), 'invalid_key');
  t.strictSame(second.degraded(), ['deny_file_broken']);
  await second.close();
  const without = await install(t, bus, settings({ snapshot: path }));
  t.equal(without.code(principal()), null, 'a file that is not configured says nothing');
  await without.close();
  const other = join(folder, 'other.yaml');
  writeFileSync(other, '- { kind: key }\n');
  await t.rejects(install(t, bus, settings({ snapshot: path, file: other })), {
    message: /other\.yaml:1:3: \[0\]\.id: is missing/,
  });
});

t.test('when it is full that is said, and nothing is lost', async t => {
  const running = await install(t, new ScriptedBus(), settings({ maxEntries: 1000 }));
  for (let i = 0; i < 1000; i++)
    await running.call('POST', '/deny', { kind: 'key', id: `k${i}`, reason: 'x' });
  t.equal(await running.errorOf('POST', '/deny', KEY), '507 deny_full');
  t.equal((await running.call('POST', '/deny', { kind: 'key', id: 'k7', reason: 'y' })).status, 200);
  t.strictSame(running.degraded(), ['deny_full']);
  t.equal(running.metric('weir_deny_waiting'), 0);
  t.equal((await running.call('DELETE', '/deny/key/k7')).status, 200);
  t.strictSame(running.degraded(), []);
  t.equal((await running.call('POST', '/deny', KEY)).status, 201);
});

t.test('an entry of the bucket that cannot be read is a reason of /readyz', async t => {
  const bus = new ScriptedBus();
  const running = await install(t, bus, settings({ nats: NATS }));
  const bucket = bus.bucket('weir-deny');
  bucket.sync();
  t.strictSame(running.degraded(), []);
  bucket.write('key.MDFr', 'what?');
  bucket.sync();
  t.strictSame(running.degraded(), ['deny_unreadable']);
  t.equal(running.code(principal({ keyId: '01k' })), 'invalid_key');
  t.equal((await running.call('DELETE', '/deny/key/01k')).status, 200);
  t.strictSame(running.degraded(), []);
});

t.test('of two calls that race for the last place, one is told that its entry waits', async t => {
  const bus = new ScriptedBus();
  const running = await install(t, bus, settings({ maxEntries: 1000, nats: NATS }));
  for (let i = 0; i < 999; i++)
    await running.call('POST', '/deny', { kind: 'key', id: `k${i}`, reason: 'x' });
  const answers = await Promise.all(
    ['01k', '02k'].map(id => running.call('POST', '/deny', { kind: 'key', id, reason: 'x' })),
  );
  const told = answers.map(({ status }) => status);
  t.strictSame(told.toSorted(), [201, 507]);
  const late = answers.find(({ status }) => status === 507)!.body as { error: { message: string } };
  t.match(late.error, { code: 'deny_full', message: /NATS bucket weir-deny .* waits for room/ });
  const inForce = ['01k', '02k'].map(keyId => running.code(principal({ keyId })) !== null);
  t.strictSame(
    inForce,
    told.map(status => status === 201),
    'what was promised is in force, and nothing else',
  );
  t.equal(running.metric('weir_deny_waiting'), 1);
  t.strictSame(running.degraded().includes('deny_full'), true);
  t.equal(bus.bucket('weir-deny').content.size, 1001, 'other instances may have room for both');
  t.equal((await running.call('DELETE', '/deny/key/k7')).status, 200);
  t.notOk(
    ['01k', '02k'].some(keyId => running.code(principal({ keyId })) === null),
    'now both are',
  );
});

t.test('a snapshot that cannot be written: the call says so, and the denial is in force', async t => {
  const folder = folderOf(t);
  const running = await install(
    t,
    new ScriptedBus(),
    settings({ snapshot: join(folder, 'data/deny.snapshot') }),
  );
  writeFileSync(join(folder, 'data'), 'a file where a folder should be');
  t.equal(await running.errorOf('POST', '/deny', KEY), '503 snapshot_unwritable');
  t.equal(running.code(principal()), 'invalid_key');
  t.strictSame(running.degraded(), ['deny_snapshot_failing']);
  t.equal(running.metric('weir_deny_snapshot_failing'), 1);
});

t.test('a denial ends what runs, where it is to', async t => {
  const bus = new ScriptedBus();
  const bucket = bus.bucket('weir-deny');
  const cutting = await install(t, bus, settings({ nats: NATS, cutStreams: true }));
  const leaving = await install(t, bus, settings({ nats: NATS }));
  bucket.sync();
  for (const id of ['01k', '02k', '03k']) bucket.write(kvKey('key', id), value(id));
  bucket.sync();
  const { house } = cutting;
  const verdict = await house.changes.until(() => house.verdicts[0], 'the cut');
  t.equal(verdict(principal())?.code, 'invalid_key');
  t.equal(verdict(principal({ keyId: '04k' })), null);
  t.equal(house.verdicts.length, 1, 'once for all that came together');
  t.equal(leaving.house.verdicts.length, 0);
});

t.test('no credential is kept: the snapshot has names and reasons, and no more', async t => {
  const path = join(folderOf(t), 'deny.snapshot');
  const { Secret } = await import('../../../lib/base/index.ts');
  const nats = { ...NATS, token: new Secret('canary-of-nats') };
  const running = await install(t, new ScriptedBus(), settings({ snapshot: path, nats }));
  await running.call('POST', '/deny', KEY);
  await running.close();
  t.notMatch(readFileSync(path, 'latin1'), /canary|127\.0\.0\.1/);
});
