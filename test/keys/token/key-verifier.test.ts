import t from 'tap';
import { verifySignature } from '../../../lib/keys/token/ed25519.ts';
import { KeyFault } from '../../../lib/keys/token/key-fault.ts';
import type { KeyVerifierOptions, VerifiedKey } from '../../../lib/keys/token/key-verifier.ts';
import { b64, DAY_MS, HeldClock, NOW_MS, Signer, USUAL, verifierOf } from './signer.ts';

const signer = new Signer();

/** A verifier whose signature checks are counted. */
function counting(options: Partial<KeyVerifierOptions<VerifiedKey>> = {}) {
  const counts = { checks: 0, running: 0, mostRunning: 0 };
  const checkSignature: typeof verifySignature = async (...args) => {
    counts.checks++;
    counts.running++;
    counts.mostRunning = Math.max(counts.mostRunning, counts.running);
    try {
      return await verifySignature(...args);
    } finally {
      counts.running--;
    }
  };
  return { counts, verifier: verifierOf([signer], { checkSignature, ...options }) };
}

function kindOf(verdict: unknown): string {
  if (verdict instanceof Promise) return 'a promise';
  return verdict instanceof KeyFault ? verdict.kind : 'good';
}

/** A key of the right form whose signature is nobody's. */
function forged(seed: number): string {
  const { body, footer } = signer.parts(JSON.stringify({ ...USUAL, jti: `forged-${seed}` }));
  body[body.length - 1]! ^= 1;
  return `weir_v4.public.${b64(body)}.${b64(footer)}`;
}

t.test('a thousand at once are one check, and all get the same object', async t => {
  const { counts, verifier } = counting();
  const key = signer.usual();
  const verdicts = await Promise.all(Array.from({ length: 1000 }, () => verifier.verify(key)));
  t.equal(counts.checks, 1);
  t.equal(new Set(verdicts).size, 1);
  t.hasStrict(verdicts[0], { keyId: 'key-1' });
  t.equal(verifier.verify(key), verdicts[0], 'and later it is there at once');
  t.equal(counts.checks, 1);
});

t.test('what admit makes is given, once for each key', async t => {
  let admitted = 0;
  const verifier = verifierOf([signer], {
    admit: key => {
      admitted++;
      return key;
    },
  });
  const [first, second] = [signer.usual({ jti: 'a' }), signer.usual({ jti: 'b' })];
  for (let i = 0; i < 3; i++) for (const key of [first, second]) await verifier.verify(key);
  t.equal(admitted, 2);
  const bad = [signer.usual({ exp: '2026-11-20T01:00:00Z' }), signer.usual({ rpm: 1 }), forged(0)];
  for (const key of bad) t.not(kindOf(await verifier.verify(key)), 'good');
  t.equal(admitted, 2, 'never for a key that is refused');
});

t.test('the same claims under another signature are another key', async t => {
  const { counts, verifier } = counting();
  const key = signer.usual();
  await verifier.verify(key);
  const changed = `${key.slice(0, -100)}${key.at(-100) === 'A' ? 'B' : 'A'}${key.slice(-99)}`;
  t.not(kindOf(await verifier.verify(changed)), 'good');
  t.equal(kindOf(await verifier.verify(forged(1))), 'badSignature');
  const sameId = signer.usual({ sub: 'bob' });
  t.hasStrict(await verifier.verify(sameId), { keyId: 'key-1', subject: 'bob' });
  t.hasStrict(await verifier.verify(key), { keyId: 'key-1', subject: 'alice' });
  t.equal(counts.checks, 4);
});

t.test('a remembered key ends on time, by the wall clock', async t => {
  const clock = new HeldClock();
  const { counts, verifier } = counting({ clock });
  const key = signer.usual({ nbf: '2026-11-20T11:00:00Z' });
  t.equal(kindOf(await verifier.verify(key)), 'good');
  clock.nowMs = Date.parse(USUAL.exp) + 29_999;
  t.equal(kindOf(verifier.verify(key)), 'good');
  clock.nowMs += 1;
  t.equal(kindOf(verifier.verify(key)), 'expired');
  t.equal(counts.checks, 1);
  clock.nowMs = NOW_MS - 3_600_000 - 30_001;
  const other = counting({ clock });
  t.equal(kindOf(await other.verifier.verify(key)), 'notYetValid');
  clock.nowMs += 1;
  t.equal(kindOf(await other.verifier.verify(key)), 'good', 'a key that begins later is not kept as refused');
  clock.nowMs -= 3_600_000;
  t.equal(
    kindOf(other.verifier.verify(key)),
    'notYetValid',
    'a clock put back holds for remembered keys too',
  );
  clock.nowMs += 3_600_000;
  t.equal(kindOf(other.verifier.verify(key)), 'good');
});

t.test('a refusal is remembered for a minute, a key that expired by a wrong clock comes back', async t => {
  const clock = new HeldClock();
  const { counts, verifier } = counting({ clock });
  const key = signer.usual();
  clock.nowMs += 365 * DAY_MS;
  t.equal(kindOf(await verifier.verify(key)), 'expired');
  for (let i = 0; i < 100; i++) t.equal(kindOf(verifier.verify(key)), 'expired');
  t.equal(counts.checks, 1);
  clock.nowMs -= 365 * DAY_MS;
  clock.runMs += 60_000;
  t.equal(kindOf(await verifier.verify(key)), 'good');
  for (const bad of [forged(2), signer.usual({ scope: 'x' })]) {
    const kind = kindOf(await verifier.verify(bad));
    t.equal(kindOf(verifier.verify(bad)), kind, 'at once the second time');
  }
  t.equal(counts.checks, 4);
});

t.test('what is known already costs no signature, and asking begins none', async t => {
  const clock = new HeldClock();
  const { counts, verifier } = counting({ clock });
  const key = signer.usual();
  t.equal(verifier.known(key), null);
  t.equal(counts.checks, 0);
  const first = verifier.verify(key);
  t.equal(verifier.known(key), null, 'not yet known');
  t.equal(verifier.known(key), null);
  const verified = await first;
  t.equal(verifier.known(key), verified);
  const bad = forged(3);
  await verifier.verify(bad);
  t.equal(kindOf(verifier.known(bad)), 'badSignature');
  t.equal(verifier.known(`weir_${'A'.repeat(5000)}`), null);
  clock.nowMs += 365 * DAY_MS;
  t.equal(kindOf(verifier.known(key)), 'expired');
  t.equal(counts.checks, 2);
});

t.test('what is remembered is bounded by number', async t => {
  const { counts, verifier } = counting({ cacheEntries: 10 });
  const keys = Array.from({ length: 30 }, (_, i) => signer.usual({ jti: `key-${i}` }));
  for (const key of keys) await verifier.verify(key);
  t.equal(counts.checks, 30);
  for (const key of keys.slice(-10)) t.equal(kindOf(verifier.verify(key)), 'good', 'the last ten are there');
  t.equal(kindOf(verifier.verify(keys[0]!)), 'a promise', 'the first is not');
});

t.test('and by size', async t => {
  const { verifier } = counting({ cacheEntries: 10 });
  const models = Array.from({ length: 20 }, () => 'm'.repeat(120));
  const keys = Array.from({ length: 10 }, (_, i) => signer.usual({ jti: `key-${i}`, weir: { models } }));
  for (const key of keys) t.equal(kindOf(await verifier.verify(key)), 'good');
  const there = keys.filter(key => kindOf(verifier.verify(key)) === 'good');
  t.ok(there.length >= 3 && there.length < 5, `${there.length} keys of 3 KiB in room for ten of 1 KiB`);
});

t.test('forged keys cost no more than their number of checks a second, and good ones pass by', async t => {
  const clock = new HeldClock();
  const { counts, verifier } = counting({ clock, checksPerSecond: 50 });
  const good = signer.usual();
  t.equal(kindOf(await verifier.verify(good)), 'good');
  const flood = async (from: number): Promise<Record<string, number>> => {
    const verdicts = Array.from({ length: 200 }, (_, i) => verifier.verify(forged(from + i)));
    t.equal(kindOf(verifier.verify(good)), 'good', 'at once, amid the flood');
    const kinds: Record<string, number> = {};
    for (const verdict of verdicts) {
      const kind = kindOf(await verdict);
      kinds[kind] = (kinds[kind] ?? 0) + 1;
    }
    return kinds;
  };
  t.strictSame(await flood(1000), { badSignature: 49, busy: 151 });
  t.strictSame(await flood(2000), { busy: 200 });
  clock.runMs += 500;
  t.strictSame(await flood(3000), { badSignature: 25, busy: 175 });
  clock.runMs += 3_600_000;
  t.strictSame(await flood(4000), { badSignature: 50, busy: 150 }, 'an idle hour saves up one second');
  t.equal(counts.checks, 1 + 49 + 25 + 50);
  t.equal(counts.mostRunning, 1, 'the threads that write the journal stay free');
  clock.runMs += 1000;
  t.equal(kindOf(await verifier.verify(signer.usual({ jti: 'new' }))), 'good');
});

t.test('a check that fails by itself is nobody’s bad key', async t => {
  let fails = true;
  const checkSignature: typeof verifySignature = (...args) =>
    fails ? Promise.reject(new Error('no memory')) : verifySignature(...args);
  const verifier = verifierOf([signer], { checkSignature });
  const key = signer.usual();
  await t.rejects(Promise.resolve(verifier.verify(key)), /no memory/);
  fails = false;
  t.equal(kindOf(await verifier.verify(key)), 'good', 'it is tried again');
});

t.test('without issuers every key is unknown', async t => {
  t.equal(kindOf(verifierOf([]).verify(signer.usual())), 'unknownIssuer');
});
