import t from 'tap';
import { DenyGate } from '../../../lib/keys/deny/deny-gate.ts';
import { DenyLookup } from '../../../lib/keys/deny/deny-lookup.ts';
import { DenySet } from '../../../lib/keys/deny/deny-set.ts';
import { DenyStage } from '../../../lib/keys/deny/deny-stage.ts';
import type { DenyKind } from '../../../lib/keys/deny/entry.ts';
import type { Principal } from '../../../lib/pipeline/index.ts';
import { exchangeOf, HeldClock, principal } from './house.ts';

async function lab() {
  const clock = new HeldClock();
  const set = new DenySet(clock);
  const table = await set.addTable(100);
  const gate = new DenyGate();
  const share = { table: table.prints.buffer, gate: gate.buffer, secret: set.prints.secret };
  const stage = new DenyStage(new DenyLookup(structuredClone(share), clock));
  const deny = (
    kind: DenyKind,
    id: string,
    terms: { reason?: string; untilMs?: number; issuedBeforeMs?: number } = {},
  ) =>
    set.put(
      set.local,
      set.named(kind, id),
      { reason: 'x', untilMs: null, issuedBeforeMs: null, ...terms },
      0,
    );
  const code = (who: Principal | null) => {
    const result = stage.run(exchangeOf(who));
    if (result instanceof Promise) throw new Error('this stage waits for nothing');
    return result?.code ?? null;
  };
  return { clock, set, gate, deny, code, stage };
}

t.test('a key is denied by itself, its subject or its issuer, each of its own kind', async t => {
  const { set, deny, code } = await lab();
  const key = principal();
  t.equal(code(key), null);
  for (const [kind, id] of [
    ['key', '01k'],
    ['subject', 'alice'],
    ['issuer', 'k4.pid.a'],
  ] as const) {
    deny(kind, id);
    t.equal(code(key), 'invalid_key', kind);
    set.remove(set.local, set.named(kind, id));
    t.equal(code(key), null);
  }
  deny('key', 'alice');
  deny('subject', '01k');
  t.equal(code(key), null);
});

t.test('static keys by id and subject; keys that are not ours never', async t => {
  const { deny, code } = await lab();
  deny('key', 'team-a');
  deny('subject', 'team-b');
  const own = { auth: 'static', issuer: null, issuedMs: null } as const;
  t.equal(code(principal({ ...own, keyId: 'team-a', subject: 'x' })), 'invalid_key');
  t.equal(code(principal({ ...own, keyId: 'y', subject: 'team-b' })), 'invalid_key');
  t.equal(code(principal({ ...own, keyId: 'y', subject: 'x' })), null);
  t.equal(code(principal({ ...own, auth: 'byo', keyId: 'team-a', subject: null })), null);
  t.equal(code(principal({ ...own, auth: 'none', keyId: null, subject: null })), null);
  t.equal(code(principal({ keyId: null, subject: null, issuer: null })), null);
  t.equal(code(null), null);
});

t.test('spend is a hold, and anything else goes before it', async t => {
  const { set, deny, code } = await lab();
  const key = principal();
  deny('key', '01k', { reason: 'spend' });
  t.equal(code(key), 'spend_hold');
  deny('issuer', 'k4.pid.a', { reason: 'leaked' });
  t.equal(code(key), 'invalid_key');
  set.remove(set.local, set.named('issuer', 'k4.pid.a'));
  t.equal(code(key), 'spend_hold');
});

t.test('issued before, and until', async t => {
  const { clock, deny, code } = await lab();
  const atMs = clock.nowMs;
  deny('subject', 'alice', { issuedBeforeMs: atMs });
  t.equal(code(principal({ issuedMs: atMs - 1 })), 'invalid_key');
  t.equal(code(principal({ issuedMs: atMs })), null);
  t.equal(
    code(principal({ auth: 'static', issuedMs: null })),
    'invalid_key',
    'nobody knows when it was issued',
  );
  deny('key', '02k', { untilMs: atMs + 1000 });
  const short = principal({ keyId: '02k', subject: 'bob' });
  t.equal(code(short), 'invalid_key');
  clock.nowMs += 1000;
  t.equal(code(short), null);
});

t.test('the refusal tells the operator what it was, and the client nothing', async t => {
  const { deny, stage } = await lab();
  deny('subject', 'alice');
  const refusal = await stage.run(exchangeOf(principal()));
  t.equal(refusal?.detail, 'the deny set has subject alice');
  t.equal(refusal?.retryAfterSeconds, 0);
});

t.test('what was clear is judged again after any change', async t => {
  const { set, deny, code } = await lab();
  const key = principal();
  deny('key', 'other');
  for (let i = 0; i < 50; i++) {
    t.equal(code(key), null);
    deny('key', '01k');
    t.equal(code(key), 'invalid_key');
    set.remove(set.local, set.named('key', '01k'));
  }
});

t.test('a closed gate refuses virtual keys, unless they are denied', async t => {
  const { clock, gate, deny, code } = await lab();
  const atSeconds = clock.nowMs / 1000;
  deny('key', 'bad');
  const fixed = principal({ auth: 'static', issuer: null, issuedMs: null });
  gate.set(false, 0);
  t.equal(code(principal()), 'deny_unseeded');
  t.equal(code(principal({ keyId: 'bad' })), 'invalid_key');
  t.equal(code(fixed), null);
  gate.set(true, atSeconds + 1);
  t.equal(code(principal()), null);
  clock.nowMs += 1000;
  t.equal(code(principal()), 'deny_stale');
  t.equal(code(fixed), null);
  gate.set(true, 2 ** 32 - 1);
  t.equal(code(principal()), null, 'a time after 2038');
});
