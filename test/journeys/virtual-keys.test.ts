import t from 'tap';
import { type KeyClaims, mintKey, newIssuer } from '../../lib/keys/token/mint.ts';
import type { Fields } from '../raw/index.ts';
import { respond } from '../upstream/index.ts';
import { POOL_KEY, startLab } from './lab.ts';

const issuer = newIssuer();
const stranger = newIssuer();
const CHAT = '/openai/v1/chat/completions';
const JSON_TYPE: Fields = [['Content-Type', 'application/json']];
const BODY = '{"model":"gpt-4o-mini","messages":[]}';
const inAnHour = (): Date => new Date(Date.now() + 3_600_000);

const lab = await startLab(t, {
  config: {
    auth: {
      issuers: [{ publicKey: issuer.publicKey }],
      prefixes: ['sk-weir-'],
      staticKeys: [{ id: 'old', key: 'env:TEST_CLIENT_KEY', expires: '2020-01-01T00:00:00Z' }],
    },
    limits: { badCredentialsPerAddress: 100_000 },
  },
});
lab.up.reply(respond(200, JSON_TYPE, '{}'));

function mint(claims: Partial<KeyClaims> = {}, secretKey = issuer.secretKey, prefix = 'weir_'): string {
  return mintKey(secretKey, { subject: 'alice', expires: inAnHour(), ...claims }, { prefix });
}

const bearer = (key: string): Fields => [['Authorization', `Bearer ${key}`]];

function ask(key: string, target = CHAT, body: string | null = BODY) {
  const parts = { target, fields: [...bearer(key), ...JSON_TYPE] };
  return lab.askForFact(body === null ? parts : { ...parts, body });
}

async function refused(key: string, code: string, target = CHAT, body: string | null = BODY) {
  const before = lab.up.requests.length;
  const { answer, fact } = await ask(key, target, body);
  t.equal(answer.head.value('x-weir-error'), code, `${target} ${(body ?? '').slice(0, 60)}`);
  t.equal(lab.up.requests.length, before, 'nothing went upstream');
  t.notOk(key.length > 20 && lab.weir.output.includes(key), 'the key is in no output');
  return { answer, fact };
}

t.test('a key works in every place a tool may put it, and never goes upstream', async t => {
  const key = mint({ id: 'key-1', tags: { team: 'search' } });
  const places: readonly Fields[] = [
    bearer(key),
    [['x-api-key', key]],
    [['api-key', key]],
    [['x-goog-api-key', key]],
    [
      ['Authorization', `Bearer ${key}`],
      ['x-api-key', key],
    ],
    [
      ['Authorization', `Bearer ${key}`],
      ['x-api-key', 'sk-of-the-user'],
    ],
  ];
  for (const fields of places) {
    const { fact } = await lab.askForFact({ target: CHAT, fields: [...fields, ...JSON_TYPE], body: BODY });
    t.equal(fact.status, 200);
    t.hasStrict(fact, { auth: 'virtual', subject: 'alice', keyId: 'key-1', poolKey: 'pool-1' });
    t.strictSame(fact.tags, { team: 'search' });
    const sent = lab.up.requests.at(-1)!.head.raw.toString();
    t.ok(sent.includes(POOL_KEY));
    t.notOk(sent.includes(key) || sent.includes('sk-of-the-user'));
  }
  const { fact } = await lab.askForFact({
    target: `/google/v1beta/models/m:generateContent?key=${key}&alt=sse`,
    fields: JSON_TYPE,
    body: '{}',
  });
  t.equal(fact.status, 200);
  t.equal(lab.up.requests.at(-1)!.target, '/v1beta/models/m:generateContent?alt=sse');
});

t.test('further prefixes', async t => {
  t.equal((await ask(mint({}, issuer.secretKey, 'sk-weir-'))).fact.status, 200);
  await refused(mint({}, issuer.secretKey, 'other_'), 'invalid_key');
});

t.test('what is no key of ours is refused, and goes nowhere', async () => {
  const good = mint();
  const tampered = good.slice(0, -60) + (good.at(-60) === 'A' ? 'B' : 'A') + good.slice(-59);
  for (const key of [
    tampered,
    good.slice(0, -1),
    `${good}A`,
    `WEIR_${good.slice(5)}`,
    good.slice(5),
    mint({}, stranger.secretKey),
    'weir_',
    'v4.public.',
  ]) {
    await refused(key, 'invalid_key');
  }
  await refused(mint({ audience: 'staging' }), 'invalid_key');
  await refused(mint({ notBefore: new Date(Date.now() + 120_000) }), 'invalid_key');
  await refused('team-5b1d77aa90c34e', 'invalid_key');
  await refused('sk-a-key-of-the-users-own', 'invalid_key');
});

t.test('providers, operations, addresses', async t => {
  const key = mint({ providers: ['openai'], operations: ['chat'], ips: ['127.0.0.0/8'] });
  t.equal((await ask(key)).fact.status, 200);
  await refused(key, 'not_granted', '/anthropic/v1/messages');
  await refused(key, 'not_granted', '/openai/v1/embeddings');
  await refused(mint({ ips: ['10.0.0.0/8'] }), 'not_granted');
  await refused(mint({ operations: [] }), 'not_granted');
  await refused(mint({ providers: [] }), 'not_granted');
  await refused(mint(), 'not_granted', '/openai/v1/files', null);
  t.equal((await ask(mint({ operations: ['files'] }), '/openai/v1/files', null)).fact.status, 200);
});

t.test('models: what the provider will read', async t => {
  const key = mint({ models: ['gpt-4o*', 'google/gemini-*'] });
  t.equal((await ask(key)).fact.status, 200);
  t.equal((await ask(key, '/google/v1beta/models/gemini-2.5-pro:generateContent', '{}')).fact.status, 200);
  const padding = 'x'.repeat(1024 * 1024);
  const lateBody = `{"messages":["${padding}"],"model":"gpt-4o"}`;
  const late = await ask(key, CHAT, lateBody);
  t.equal(late.fact.status, 200, 'late');
  t.equal(lab.up.requests.at(-1)!.bodyBytes, lateBody.length);
  for (const body of [
    '{"model":"o3"}',
    '{"messages":[]}',
    '{"model":"gpt-4o","model":"o3"}',
    '{"model":"gpt-4o","mod\\u0065l":"o3"}',
    '{"model":"gpt-4o","Model":"o3"}',
    '{"model":"gpt-4o "}',
    '{"model":"GPT-4O"}',
    '{"model":["gpt-4o"]}',
    '{"model":"gpt-4o","models":["o3"]}',
    `{"messages":["${padding}"],"model":"o3"}`,
    '{"model":"gpt-4o"} ,',
    'model=gpt-4o',
  ]) {
    await refused(key, 'model_not_granted', CHAT, body);
  }
  await refused(key, 'model_not_granted', '/google/v1beta/models/o3:generateContent', '{}');
  t.equal((await ask(key, '/openai/v1/models', null)).fact.status, 200, 'a call without a model');
});

t.test('a grant’s own body limit', async t => {
  const key = mint({ bodyBytes: 100 });
  t.equal((await ask(key)).fact.status, 200);
  await refused(key, 'body_too_large', CHAT, `{"model":"m","pad":"${'x'.repeat(100)}"}`);
});

t.test('rates and concurrency of the key itself', async t => {
  const key = mint({ rpm: 3 });
  for (let i = 0; i < 3; i++) t.equal((await ask(key)).fact.status, 200);
  const { answer } = await refused(key, 'rate_limited');
  t.equal(answer.status, 429);
  const seconds = Number(answer.head.value('retry-after'));
  t.ok(seconds >= 1 && seconds <= 65, String(seconds));
  t.equal((await ask(mint({ rpm: 3 }))).fact.status, 200, 'another key is another count');
});

t.test('afterwards all is well', t => lab.check(t, bearer(mint())));
