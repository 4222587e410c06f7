import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import t from 'tap';
import type { VerifiedKey } from '../../../lib/keys/token/key-verifier.ts';
import { issuerOf, type KeyClaims, MintError, mintKey, newIssuer } from '../../../lib/keys/token/mint.ts';
import { OPERATIONS } from '../../../lib/pipeline/index.ts';
import { DAY_MS, HeldClock, NOW_MS, verifierOf } from './signer.ts';

const issuer = newIssuer();
const now = new Date(NOW_MS);
const expires = new Date(NOW_MS + 30 * DAY_MS);
const usual: KeyClaims = { subject: 'alice', expires };

async function verified(key: string): Promise<VerifiedKey> {
  return (await verifierOf([issuer]).verify(key)) as VerifiedKey;
}

t.test('a key says what it was minted with', async t => {
  const grant = {
    providers: ['openai', 'lab'],
    models: ['gpt-*', 'openai/o?'],
    operations: ['chat', 'files'] as const,
    rpm: 600,
    tpm: 100_000,
    concurrency: 8,
    ips: ['10.0.0.0/8', '::1'],
    bodyBytes: 1_048_576,
  };
  const key = mintKey(
    issuer.secretKey,
    {
      ...usual,
      ...grant,
      id: 'key-1',
      notBefore: '2026-11-20T13:00:00+01:00',
      issuer: 'https://keys.example',
      tags: { team: 'search', 'cost/centre': 'Zürich 7' },
    },
    { now },
  );
  t.match(key, /^weir_v4\.public\.[\w-]+\.[\w-]+$/);
  t.strictSame(await verified(key), {
    keyId: 'key-1',
    subject: 'alice',
    issuerName: 'https://keys.example',
    audience: null,
    issuedMs: NOW_MS,
    expiresMs: NOW_MS + 30 * DAY_MS,
    notBeforeMs: NOW_MS,
    grant,
    tags: { team: 'search', 'cost/centre': 'Zürich 7' },
    issuer: issuer.id,
  });
});

t.test('what is not said is not in it; an empty list is', async t => {
  const plain = await verified(mintKey(issuer.secretKey, usual, { now }));
  t.strictSame(plain.grant, {});
  t.strictSame(plain.tags, {});
  t.match(plain.keyId, /^[0-9a-f]{32}$/);
  const other = await verified(mintKey(issuer.secretKey, usual, { now }));
  t.not(other.keyId, plain.keyId, 'each key has an id of its own');
  const nothing = mintKey(issuer.secretKey, { ...usual, providers: [], operations: [] }, { now });
  t.strictSame((await verified(nothing)).grant, { providers: [], operations: [] });
});

t.test('prefix and audience', async t => {
  const key = mintKey(issuer.secretKey, { ...usual, audience: 'prod' }, { now, prefix: 'sk-weir-' });
  t.ok(key.startsWith('sk-weir-v4.public.'));
  const verifier = verifierOf([issuer], { prefixes: ['weir_', 'sk-weir-'], audience: 'prod' });
  t.hasStrict(await verifier.verify(key), { audience: 'prod' });
});

t.test('whatever the claims, the gateway takes what was minted', async t => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 });
  const count = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
  const claims = fc.record(
    {
      subject: text,
      expires: fc.date({
        min: new Date(NOW_MS + 1),
        max: new Date(NOW_MS + 90 * DAY_MS),
        noInvalidDate: true,
      }),
      id: text,
      issuer: text,
      providers: fc.array(fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,9}$/), { maxLength: 3 }),
      models: fc.array(text, { maxLength: 3 }),
      operations: fc.subarray([...OPERATIONS]),
      ips: fc.array(fc.oneof(fc.ipV4(), fc.constant('2001:db8::/32')), { maxLength: 3 }),
      rpm: count,
      tpm: count,
      concurrency: count,
      bodyBytes: count,
      tags: fc.dictionary(fc.stringMatching(/^[A-Za-z0-9][\w.:/-]{0,5}$/), text, { maxKeys: 3 }),
    },
    { requiredKeys: ['subject', 'expires'] },
  );
  const verifier = verifierOf([issuer], { checksPerSecond: 1e6 });
  let minted = 0;
  await fc.assert(
    fc.asyncProperty(claims, async claims => {
      let key: string;
      try {
        key = mintKey(issuer.secretKey, claims as KeyClaims, { now });
      } catch (error) {
        return (
          error instanceof MintError && /control characters|characters$|under|plain text/.test(error.message)
        );
      }
      minted++;
      const read = (await verifier.verify(key)) as VerifiedKey;
      return read.subject === claims.subject && (claims.id === undefined || read.keyId === claims.id);
    }),
    { numRuns: 60 },
  );
  t.ok(minted > 30, `${minted} minted`);
});

t.test('it refuses what the gateway would refuse', async t => {
  const cases: [string, Record<string, unknown>, RegExp][] = [
    ['no subject', { subject: undefined }, /^subject is missing/],
    ['empty subject', { subject: '' }, /^subject is not a text/],
    ['CR LF in subject', { subject: 'a\r\nx-admin: 1' }, /^subject is not a text.*control characters/],
    ['NUL in id', { id: 'a\0' }, /^id is not a text/],
    ['DEL in issuer', { issuer: 'a\x7f' }, /^issuer is not a text/],
    ['a line separator', { audience: 'a\u2028b' }, /^audience is not a text/],
    ['half a character', { subject: '\ud800' }, /^subject is not a text/],
    ['a long subject', { subject: 'a'.repeat(257) }, /256 characters/],
    ['a long id', { id: 'a'.repeat(129) }, /^id .*128 characters/],
    ['a number as subject', { subject: 7 }, /^subject is not a text/],
    ['no end', { expires: undefined }, /^expires is missing/],
    ['an end that is past', { expires: new Date(NOW_MS - 1) }, /^expires is not after/],
    ['an end that is now', { expires: now }, /^expires is not after/],
    ['a date that is none', { expires: new Date(Number.NaN) }, /^expires is not an RFC 3339/],
    ['seconds as end', { expires: 1_795_176_000 }, /^expires is not an RFC 3339/],
    ['a day as end', { expires: '2026-12-24' }, /^expires is not an RFC 3339/],
    ['an end too far', { expires: new Date(NOW_MS + 90 * DAY_MS + 1) }, /^expires is more than 90 days/],
    ['a begin after the end', { notBefore: new Date(NOW_MS + 31 * DAY_MS) }, /^expires is not after/],
    ['a provider by its title', { providers: ['OpenAI'] }, /^providers may only hold names/],
    ['one provider, no list', { providers: 'openai' }, /^providers is not a list/],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what is tried
    ['a hole in a list', { models: [, 'x'] }, /^models may only hold patterns/],
    ['an empty pattern', { models: [''] }, /^models may only hold patterns/],
    ['an operation nobody knows', { operations: ['chatting'] }, /^operations may only hold chat, /],
    ['an address with a name', { ips: ['localhost'] }, /^ips may only hold addresses/],
    ['no requests', { rpm: 0 }, /^rpm is not a whole number from 1/],
    ['half a request', { rpm: 0.5 }, /^rpm/],
    ['a text as number', { tpm: '600' }, /^tpm/],
    ['endless', { concurrency: Number.POSITIVE_INFINITY }, /^concurrency/],
    ['beyond what is exact', { bodyBytes: 2 ** 53 }, /^bodyBytes/],
    ['null', { rpm: null }, /^rpm/],
    ['a tag with a line feed', { tags: { team: 'a\nb' } }, /^tags/],
    ['a tag that is no text', { tags: { team: 7 } }, /^tags/],
    ['a tag without a good name', { tags: { 'te am': 'x' } }, /^tags/],
    ['the name of a prototype', { tags: JSON.parse('{"__proto__":"x"}') as unknown }, /^tags/],
    ['a list of tags', { tags: ['x'] }, /^tags is not an object/],
    ['33 tags', { tags: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`t${i}`, 'x'])) }, /32/],
    ['a budget without a span', { budget: { usd: 5 } }, /^budget.per is not one of/],
    ['a budget of nothing', { budget: { per: 'day' } }, /^budget names no/],
    ['a budget that is none', { budget: 5 }, /^budget is not an object/],
    ['a slip', { rmp: 5 }, /^rmp is not known/],
    ['the name of a claim', { sub: 'bob' }, /^sub is not known/],
    ['too much of it', { models: Array.from({ length: 30 }, () => 'm'.repeat(120)) }, /4096 is the most/],
  ];
  for (const [name, claims, message] of cases) {
    const mint = (): string => mintKey(issuer.secretKey, { ...usual, ...claims } as KeyClaims, { now });
    t.throws(mint, { name: 'MintError', message }, name);
  }
  for (const prefix of ['', 'weir', 'weir.', 'wéir_', 'a b_', '_weir_', 'a_', `${'x'.repeat(32)}_`])
    t.throws(() => mintKey(issuer.secretKey, usual, { now, prefix }), { message: /^prefix/ }, prefix);
});

t.test('a longer life only where it is asked for', async t => {
  const claims = { ...usual, expires: new Date(NOW_MS + 365 * DAY_MS) };
  t.throws(() => mintKey(issuer.secretKey, claims, { now }), MintError);
  const key = mintKey(issuer.secretKey, claims, { now, maxLifetimeMs: 365 * DAY_MS });
  const verifier = verifierOf([{ ...issuer, maxLifetimeMs: 365 * DAY_MS }]);
  t.hasStrict(await verifier.verify(key), { subject: 'alice' });
});

t.test('a secret key that is damaged signs nothing, and shows in no message', async t => {
  const other = newIssuer();
  const half = Math.ceil((32 * 4) / 3) + 'k4.secret.'.length;
  const mixed = issuer.secretKey.slice(0, half + 1) + other.secretKey.slice(half + 1);
  const wrong = ['', issuer.publicKey, issuer.secretKey.slice(0, -2), `${issuer.secretKey} `, mixed];
  for (const text of wrong) {
    for (const use of [() => mintKey(text, usual, { now }), () => issuerOf(text)]) {
      try {
        use();
        t.fail('it was taken');
      } catch (error) {
        t.ok(error instanceof MintError);
        t.notMatch((error as Error).message, /[\w-]{30}/);
      }
    }
  }
  t.throws(() => issuerOf(mixed), { message: /two halves/ });
});

t.test('an issuer can be told from its secret alone', async t => {
  const { publicKey, id, secretKey } = newIssuer();
  t.strictSame(issuerOf(secretKey), { publicKey, id });
  t.not(newIssuer().publicKey, publicKey);
});

t.test('the clock of the platform where no other is given', async t => {
  const key = mintKey(issuer.secretKey, { subject: 'alice', expires: new Date(Date.now() + DAY_MS) });
  const clock = new HeldClock();
  clock.nowMs = Date.now();
  t.hasStrict(await verifierOf([issuer], { clock }).verify(key), { subject: 'alice' });
});

t.test('no gateway loads what only signs', async t => {
  const script = `
    await import('./lib/keys/token/loaders.ts');
    await import('./lib/keys/token/key-verifier.ts');
    const { createRequire } = await import('node:module');
    const path = createRequire(import.meta.url).resolve('tweetnacl');
    console.log(path in createRequire(import.meta.url).cache);`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  });
  t.equal(stdout, 'false\n', stderr);
});
