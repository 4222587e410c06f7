import t, { type Test } from 'tap';
import { SketchSeed } from '../../lib/base/index.ts';
import { SharedSeed } from '../../lib/limits/shared-seed.ts';
import type { Warning } from '../../lib/pipeline/index.ts';
import { ScriptedServer } from './scripted-bus.ts';

function member(t: Test, server: ScriptedServer) {
  const warnings: Warning[] = [];
  const state = { seed: SketchSeed.random(), learned: 0 };
  const shared = new SharedSeed(server.connect(), 'weir-limits', {
    current: () => state.seed,
    learned: seed => {
      state.seed = seed;
      state.learned++;
    },
    warn: warning => warnings.push(warning),
  });
  t.teardown(() => shared.close());
  return { state, shared, warnings };
}

const settled = () => new Promise(resolve => setImmediate(resolve));

t.test('the first to offer a seed decides, and keeps its own', async t => {
  const server = new ScriptedServer();
  const members = Array.from({ length: 5 }, () => member(t, server));
  await settled();
  t.equal(new Set(members.map(({ state }) => state.seed.id)).size, 1);
  t.ok(members.every(({ shared }) => shared.isShared));
  t.equal(members.filter(({ state }) => state.learned === 0).length, 1);
  const late = member(t, server);
  await settled();
  t.equal(late.state.seed.id, members[0]!.state.seed.id);
});

t.test('a bucket that was lost, or a seed that was deleted, comes back as it was', async t => {
  const server = new ScriptedServer();
  const members = Array.from({ length: 3 }, () => member(t, server));
  await settled();
  const { id } = members[0]!.state.seed;
  const learned = members.map(({ state }) => state.learned);
  server.recreateBucket();
  await settled();
  t.not(server.value('seed'), null);
  server.write('seed', null);
  t.notOk(members[0]!.shared.isShared);
  server.beat();
  await settled();
  t.ok(members.every(({ state, shared }) => shared.isShared && state.seed.id === id));
  t.strictSame(
    members.map(({ state }) => state.learned),
    learned,
    'nobody had to change',
  );
});

t.test('another seed in the bucket is taken over', async t => {
  const server = new ScriptedServer();
  const { state, shared } = member(t, server);
  await settled();
  const next = SketchSeed.random();
  server.write('seed', Buffer.from([1, ...next.reveal()]));
  t.equal(state.seed.id, next.id);
  t.ok(shared.isShared);
});

t.test('while nothing can be reached the own seed stays, and is offered later', async t => {
  const server = new ScriptedServer();
  server.goDown();
  const { state, shared } = member(t, server);
  await settled();
  t.notOk(shared.isShared);
  const { id } = state.seed;
  server.comeUp();
  await settled();
  t.ok(shared.isShared);
  t.equal(state.seed.id, id);
});

t.test('what is no seed is said once and not taken', async t => {
  const server = new ScriptedServer();
  for (const value of [Buffer.alloc(0), Buffer.alloc(32), Buffer.alloc(33), Buffer.alloc(34, 1)]) {
    server.write('seed', value);
    const { shared, warnings, state } = member(t, server);
    await settled();
    server.beat();
    await settled();
    t.notOk(shared.isShared);
    t.equal(state.learned, 0);
    t.strictSame(
      warnings.map(({ code }) => code),
      ['limits_seed_invalid'],
    );
    t.strictSame(server.value('seed'), value, 'it is the operator’s to delete');
  }
});

t.test('a seed shows in no print of what holds it', async t => {
  const server = new ScriptedServer();
  const { state, shared } = member(t, server);
  await settled();
  const hex = Buffer.from(state.seed.reveal()).toString('hex');
  const { inspect } = await import('node:util');
  t.notMatch(inspect({ shared, seed: state.seed }, { depth: 9, showHidden: true }), hex);
});
