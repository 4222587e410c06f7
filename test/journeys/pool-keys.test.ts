import t, { type Test } from 'tap';
import { startWeir } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import {
  chunked,
  head,
  type RecordedRequest,
  raw,
  respond,
  rst,
  type Script,
  Upstream,
} from '../upstream/index.ts';
import { Lab } from './lab.ts';

const FIRST = 'sk-FIRST-2f6d1c07b3a94e58';
const SECOND = 'sk-SECOND-a81e55d0c4f7423b';
const CLIENT = 'team-5b1d77aa90c34e';
const CHAT = '/openai/v1/chat/completions';
const BODY = '{"model":"m","messages":[]}';
const JSON_TYPE: Fields = [['Content-Type', 'application/json']];
const TEAM: Fields = [
  ['Authorization', `Bearer ${CLIENT}`],
  ['Content-Type', 'application/json'],
];

/** The provider key that a request carries. */
function keyOf({ fields }: RecordedRequest): string {
  const found = fields.find(([name]) => /^(?:authorization|x-goog-api-key)$/i.test(name));
  return found?.[1].replace('Bearer ', '') ?? '';
}

type Answers = Readonly<Record<string, Script>>;

/** A gateway with two keys of one provider, and an upstream that answers by the key it is given. */
async function twoKeys(t: Test, answers: Answers, keys = [FIRST, SECOND]): Promise<Lab> {
  const up = await Upstream.start();
  t.teardown(() => up.close());
  up.reply(async turn => {
    const script = answers[keyOf(turn.request)] ?? respond(200, JSON_TYPE, '{}');
    if (typeof script === 'function') await script(turn);
    else for (const step of script) await step(turn);
  });
  const pool = keys.map((_, i) => ({ id: `key-${i + 1}`, key: `env:TEST_KEY_${i + 1}` }));
  const weir = await startWeir(t, {
    config: {
      providers: {
        openai: { origin: up.origin, keys: pool },
        google: { origin: up.origin, keys: pool },
        lab: { origin: up.origin, dialect: 'openai', auth: 'none' },
      },
      auth: {
        staticKeys: [
          { id: 'team', key: 'env:TEST_CLIENT_KEY', grant: { operations: ['chat', 'models', 'other'] } },
        ],
      },
      ops: { adminKeys: [{ key: 'env:TEST_ADMIN_KEY', role: 'admin' }] },
    },
    env: {
      ...Object.fromEntries(keys.map((key, i) => [`TEST_KEY_${i + 1}`, key])),
      TEST_CLIENT_KEY: CLIENT,
      TEST_ADMIN_KEY: 'admin-0d8f41b2c97e',
    },
  });
  return new Lab(up, weir);
}

function ask(lab: Lab, target = CHAT, body = BODY) {
  return lab.askForFact({ target, fields: TEAM, body });
}

const usedKeys = (lab: Lab): string[] => lab.up.requests.map(keyOf);

t.test('a refused key rests, and the request goes out with the next one', async t => {
  for (const status of [401, 402]) {
    const lab = await twoKeys(t, { [FIRST]: respond(status, JSON_TYPE, `{"error":{"message":"${FIRST}"}}`) });
    const { answer, fact } = await ask(lab);
    t.equal(answer.status, 200);
    t.equal(String(answer.body), '{}');
    t.equal(fact.attempts, 2);
    t.equal(fact.poolKey, 'key-2');
    for (let i = 0; i < 3; i++) t.equal((await ask(lab)).fact.attempts, 1, 'not asked again meanwhile');
    t.strictSame(usedKeys(lab), [FIRST, SECOND, SECOND, SECOND, SECOND]);
    t.equal(String(lab.up.requests[1]!.body), BODY, 'the same bytes');
  }
});

t.test('every key refused: 502 in our own words, and nothing goes out any more', async t => {
  const refusal = respond(401, JSON_TYPE, '{"error":{"message":"Incorrect API key provided"}}');
  const lab = await twoKeys(t, { [FIRST]: refusal, [SECOND]: refusal });
  const { answer, fact } = await ask(lab);
  t.equal(answer.status, 502);
  t.equal(answer.head.value('x-weir-error'), 'upstream_credentials_exhausted');
  t.notOk(String(answer.body).includes('Incorrect'), 'not the provider’s text');
  t.equal(fact.attempts, 2);
  t.equal(fact.outcome, 'upstreamFailed');
  const later = await ask(lab);
  t.equal(later.answer.head.value('x-weir-error'), 'upstream_credentials_exhausted');
  t.equal(later.fact.attempts, 0);
  t.equal(lab.up.requests.length, 2);
});

t.test('a limited key cools by its retry-after; the next one is used', async t => {
  const limited = respond(429, [...JSON_TYPE, ['Retry-After', '7']], '{"error":{"message":"slow down"}}');
  const lab = await twoKeys(t, { [FIRST]: limited, [SECOND]: limited });
  const { answer, fact } = await ask(lab);
  t.equal(answer.status, 429);
  t.equal(answer.head.value('x-weir-error'), null, 'the last 429 is the provider’s own');
  t.equal(String(answer.body), '{"error":{"message":"slow down"}}');
  t.equal(answer.head.value('retry-after'), '7');
  t.equal(fact.attempts, 2);
  const later = await ask(lab);
  t.equal(later.answer.status, 429);
  t.equal(later.answer.head.value('x-weir-error'), 'upstream_rate_limited');
  const seconds = Number(later.answer.head.value('retry-after'));
  t.ok(seconds >= 1 && seconds <= 7, `the soonest: ${seconds}`);
  t.equal(lab.up.requests.length, 2);
});

t.test('retry-after is held within 1…3600 s', async t => {
  const lab = await twoKeys(t, { [FIRST]: respond(429, [['Retry-After', '999999999']], 'no') }, [FIRST]);
  t.equal((await ask(lab)).answer.status, 429);
  const { answer } = await ask(lab);
  t.equal(answer.head.value('x-weir-error'), 'upstream_rate_limited');
  t.ok(Number(answer.head.value('retry-after')) <= 3600);
});

t.test('a 429 without quota counts as unpaid', async t => {
  const unpaid = respond(429, JSON_TYPE, '{"error":{"message":"pay","type":"insufficient_quota"}}');
  const lab = await twoKeys(t, { [FIRST]: unpaid, [SECOND]: unpaid });
  t.equal((await ask(lab)).answer.head.value('x-weir-error'), 'upstream_credentials_exhausted');
});

t.test('a client’s bad request never blames a key', async t => {
  const echo = '{"error":{"message":"no model API_KEY_INVALID","details":[{"field":"API_KEY_INVALID"}]}}';
  for (const status of [400, 403, 404, 422, 500]) {
    const answers = { [FIRST]: respond(status, JSON_TYPE, echo), [SECOND]: respond(status, JSON_TYPE, echo) };
    const lab = await twoKeys(t, answers);
    for (const target of [CHAT, '/google/v1beta/models/m:generateContent']) {
      for (let i = 0; i < 3; i++) {
        const { answer, fact } = await ask(lab, target);
        t.equal(answer.status, status);
        t.equal(String(answer.body), echo);
        t.equal(fact.attempts, 1);
      }
    }
  }
});

t.test('Google’s bad key is a 400 that says so', async t => {
  const lab = await twoKeys(t, {});
  const bad = JSON.stringify({ error: { code: 400, details: [{ reason: 'API_KEY_INVALID' }] } });
  lab.up.reply(respond(400, JSON_TYPE, bad), { once: true });
  const { answer, fact } = await ask(lab, '/google/v1beta/models/m:generateContent');
  t.equal(answer.status, 200);
  t.equal(fact.attempts, 2);
});

t.test('a refused call of operation other blames no key, and is no 401', async t => {
  const refusal = respond(401, JSON_TYPE, '{"error":"wrong kind of key"}');
  const lab = await twoKeys(t, { [FIRST]: refusal, [SECOND]: refusal });
  for (let i = 0; i < 3; i++) {
    const { answer } = await ask(lab, '/openai/v1/organization/users');
    t.equal(answer.status, 503);
    t.equal(answer.head.value('x-weir-error'), 'upstream_auth_failed');
    t.notOk(String(answer.body).includes('wrong kind'), 'not the provider’s text');
  }
  t.equal(lab.up.requests.length, 3);
});

t.test('a refusal that breaks off after its head still says enough', async t => {
  const broken = [head(401, [['Content-Length', '100']]), raw('{"err'), rst()];
  const lab = await twoKeys(t, { [FIRST]: broken });
  const { answer, fact } = await ask(lab);
  t.equal(answer.status, 200);
  t.equal(fact.attempts, 2);
});

t.test(
  'credentials of the client’s own beside a key of ours reach no provider, and so blame no key',
  async t => {
    const lab = await twoKeys(t, {});
    const query = 'a=1&access_token=x&subscription-key=y&%61pi_key=z&b=2';
    const { fact } = await lab.askForFact({
      target: `${CHAT}?${query}`,
      fields: [...TEAM, ['Ocp-Apim-Subscription-Key', 'x'], ['X-HTTP-Method-Override', 'DELETE']],
      body: BODY,
    });
    t.equal(fact.status, 200);
    const [request] = lab.up.requests;
    t.equal(request!.target, '/v1/chat/completions?a=1&b=2');
    t.notMatch(request!.head.raw.toString(), /Ocp-Apim|Override/i);
  },
);

t.test('a body that is not in hand any more is not sent twice', async t => {
  const lab = await twoKeys(t, { [FIRST]: respond(401, JSON_TYPE, '{}') });
  const large = JSON.stringify({ model: 'm', pad: 'x'.repeat(100_000) });
  const { answer, fact } = await ask(lab, CHAT, large);
  t.equal(answer.status, 503);
  t.equal(answer.head.value('x-weir-error'), 'upstream_auth_failed');
  t.equal(answer.head.value('x-should-retry'), 'true');
  t.equal(fact.attempts, 1);
  t.equal((await ask(lab, CHAT, large)).answer.status, 200, 'the retry has another key');
});

t.test('coded and chunked refusals are judged too', async t => {
  const { gzipSync } = await import('node:zlib');
  const unpaid = gzipSync('{"error":{"code":"insufficient_quota"}}');
  const lab = await twoKeys(t, {
    [FIRST]: chunked(
      429,
      [...JSON_TYPE, ['Content-Encoding', 'gzip']],
      [unpaid.subarray(0, 9), unpaid.subarray(9)],
    ),
  });
  const { answer, fact } = await ask(lab);
  t.equal(answer.status, 200);
  t.equal(fact.attempts, 2);
});

t.test('an operator sees the keys, switches one off, and releases it', async t => {
  const lab = await twoKeys(t, { [FIRST]: respond(401, JSON_TYPE, '{}') });
  await ask(lab);
  const ops = (path: string, method = 'GET') =>
    fetch(`http://127.0.0.1:${lab.weir.opsPort}${path}`, {
      method,
      headers: { authorization: 'Bearer admin-0d8f41b2c97e' },
    });
  const states = async (): Promise<string[]> => {
    const { keys } = (await (await ops('/providers/keys')).json()) as {
      keys: { provider: string; id: string; state: string }[];
    };
    return keys.filter(({ provider }) => provider === 'openai').map(({ id, state }) => `${id} ${state}`);
  };
  t.strictSame(await states(), ['key-1 quarantined', 'key-2 usable']);
  t.equal((await ops('/providers/openai/keys/key-1/release', 'POST')).status, 200);
  t.equal((await ops('/providers/openai/keys/key-2/disable', 'POST')).status, 200);
  t.strictSame(await states(), ['key-1 usable', 'key-2 disabled']);
  t.equal((await ask(lab)).answer.head.value('x-weir-error'), 'upstream_credentials_exhausted');
  t.equal((await ops('/providers/openai/keys/key-2/release', 'POST')).status, 200);
  t.equal((await ask(lab)).answer.status, 200);
  t.equal((await ops('/providers/openai/keys/nobody/release', 'POST')).status, 404);
  const text = await (await ops('/providers/keys')).text();
  t.notOk(text.includes(FIRST) || text.includes(SECOND), 'no key is shown');
});
