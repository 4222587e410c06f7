import { generateKeyPairSync, verify } from 'node:crypto';
import t from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import { GoogleOauthScheme, type PostForm } from '../../../lib/providers/auth/google-oauth.ts';
import { parseServiceAccount } from '../../../lib/providers/auth/service-account.ts';

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

const FILE = {
  type: 'service_account',
  client_email: 'weir@acme.iam.example',
  private_key_id: 'key-7',
  private_key: PEM,
  token_uri: 'https://oauth2.example/token',
};

const account = (own: object = {}) => JSON.stringify({ ...FILE, ...own }, null, 2);

/** A clock that stands still until it is told otherwise. */
function stillClock() {
  let ms = Date.parse('2026-01-02T03:04:05.678Z');
  return {
    wallMs: () => ms,
    monotonicMs: () => ms,
    advance: (by: number) => {
      ms += by;
    },
  };
}

interface Answer {
  readonly status?: number;
  readonly body?: unknown;
}

/** A token endpoint that hands out `t1`, `t2`, … unless told what to answer. */
function tokenEndpoint() {
  const asked: { url: string; form: URLSearchParams }[] = [];
  const answers: (Answer | Error)[] = [];
  const postForm: PostForm = async (url, form) => {
    asked.push({ url: url.href, form: new URLSearchParams(form) });
    const answer = answers.shift() ?? {};
    if (answer instanceof Error) throw answer;
    const body = answer.body ?? { access_token: `t${asked.length}`, expires_in: 3600, token_type: 'Bearer' };
    return { status: answer.status ?? 200, body: typeof body === 'string' ? body : JSON.stringify(body) };
  };
  return { asked, answers, postForm };
}

function setUp() {
  const clock = stillClock();
  const endpoint = tokenEndpoint();
  const scheme = new GoogleOauthScheme(clock, endpoint.postForm);
  const key = new Secret(account());
  const sign = (secret: Secret = key) => {
    const headers: string[] = [];
    const done = scheme.sign(
      { method: 'POST', host: 'h', path: '/x', headers, body: null, secrets: [] },
      secret,
    );
    return { headers, done };
  };
  return { clock, ...endpoint, sign };
}

t.test('the grant is that of RFC 7523, signed by the account', async t => {
  const { asked, sign } = setUp();
  const { headers, done } = sign();
  t.equal(await done, undefined);
  t.strictSame(headers, ['authorization', 'Bearer t1']);
  t.equal(asked.length, 1);
  t.equal(asked[0]!.url, 'https://oauth2.example/token');
  t.strictSame([...asked[0]!.form.keys()], ['grant_type', 'assertion']);
  t.equal(asked[0]!.form.get('grant_type'), 'urn:ietf:params:oauth:grant-type:jwt-bearer');
  const [header, claims, signature] = asked[0]!.form.get('assertion')!.split('.');
  const decode = (part: string): unknown => JSON.parse(Buffer.from(part, 'base64url').toString());
  t.strictSame(decode(header!), { alg: 'RS256', typ: 'JWT', kid: 'key-7' });
  const iat = Math.floor(Date.parse('2026-01-02T03:04:05Z') / 1000);
  t.strictSame(decode(claims!), {
    iss: 'weir@acme.iam.example',
    scope: 'https://www.googleapis.com/auth/cloud-platform',
    aud: 'https://oauth2.example/token',
    iat,
    exp: iat + 3600,
  });
  t.ok(verify('sha256', Buffer.from(`${header}.${claims}`), publicKey, Buffer.from(signature!, 'base64url')));
});

t.test('nothing is fetched before it is needed, nor again while the token is good', async t => {
  const { asked, clock, sign } = setUp();
  t.equal(asked.length, 0);
  await sign().done;
  clock.advance(3600_000 - 60_000 - 1);
  const { headers, done } = sign();
  t.equal(done, undefined, 'at once');
  t.strictSame(headers, ['authorization', 'Bearer t1']);
  clock.advance(1);
  const renewed = sign();
  await renewed.done;
  t.strictSame(renewed.headers, ['authorization', 'Bearer t2'], 'renewed a minute before it expires');
  t.equal(asked.length, 2);
});

t.test('all who wait share one fetch, and one failure', async t => {
  const { asked, answers, sign } = setUp();
  answers.push({ status: 500, body: 'oops' });
  const failing = [sign(), sign(), sign()];
  for (const refusal of await Promise.all(failing.map(each => each.done))) {
    t.match(refusal, { code: 'upstream_auth_failed' });
  }
  t.equal(asked.length, 1);
  t.ok(failing.every(each => each.headers.length === 0));
  const waiting = [sign(), sign()];
  await Promise.all(waiting.map(each => each.done));
  t.strictSame(
    waiting.map(each => each.headers[1]),
    ['Bearer t2', 'Bearer t2'],
    'a failure is not kept',
  );
  t.equal(asked.length, 2);
});

t.test('each key has its own token', async t => {
  const { asked, sign } = setUp();
  const other = new Secret(account({ client_email: 'other@acme.iam.example' }));
  const [one, two] = [sign(), sign(other)];
  await Promise.all([one.done, two.done]);
  t.strictSame([one.headers[1], two.headers[1]], ['Bearer t1', 'Bearer t2']);
  t.equal(asked.length, 2);
});

t.test('a failure says why to the operator and nothing secret', async t => {
  for (const [answer, detail] of [
    [new Error(`connect ECONNREFUSED ${PEM}`), 'the token endpoint gave no answer'],
    [
      { status: 400, body: { error: 'invalid_grant', error_description: 'canary' } },
      'the token endpoint answered 400 invalid_grant',
    ],
    [{ status: 403, body: '<html>canary</html>' }, 'the token endpoint answered 403'],
    [{ status: 400, body: { error: 'canary\r\nX: 1' } }, 'the token endpoint answered 400'],
    [{ status: 302, body: { access_token: 'canary' } }, 'the token endpoint answered 302'],
    [{ body: 'canary' }, 'the token endpoint answered no usable token'],
    [{ body: 'null' }, 'the token endpoint answered no usable token'],
    [{ body: { access_token: 7 } }, 'the token endpoint answered no usable token'],
    [{ body: { access_token: '' } }, 'the token endpoint answered no usable token'],
    [{ body: { access_token: 'a\r\nb: canary' } }, 'the token endpoint answered no usable token'],
  ] as const) {
    const { answers, sign } = setUp();
    answers.push(answer);
    const { headers, done } = sign();
    t.match(await done, { code: 'upstream_auth_failed', detail }, detail);
    t.strictSame(headers, []);
  }
});

t.test('a lifetime that is not stated or not sane keeps no token', async t => {
  for (const expires_in of [undefined, 0, -5, '3600', null, 59]) {
    const { answers, asked, sign } = setUp();
    answers.push({ body: { access_token: 'once', expires_in } });
    await sign().done;
    const again = sign();
    await again.done;
    t.equal(asked.length, 2, String(expires_in));
  }
  const { answers, asked, clock, sign } = setUp();
  answers.push({ body: { access_token: 'long', expires_in: 1e12 } });
  await sign().done;
  clock.advance(12 * 3600_000);
  await sign().done;
  t.equal(asked.length, 2, 'half a day is the most that is believed');
});

t.test('a key that is no JSON is an API key', async t => {
  const { asked, sign } = setUp();
  const { headers, done } = sign(new Secret('AIzaSyExample'));
  t.equal(done, undefined);
  t.strictSame(headers, ['x-goog-api-key', 'AIzaSyExample']);
  t.equal(asked.length, 0);
});

t.test('a file that is no service account is refused without asking anybody', async t => {
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  for (const [text, fault] of [
    ['{', /is not valid JSON/],
    [account({ client_email: undefined }), /client_email/],
    [account({ client_email: '' }), /client_email/],
    [account({ private_key: undefined }), /private_key/],
    [account({ private_key: 'canary' }), /private_key/],
    [account({ private_key: ec }), /no RSA key/],
    [account({ token_uri: undefined }), /token_uri/],
    [account({ token_uri: 'http://oauth2.example/token' }), /https/],
    [account({ token_uri: 'http://127.0.0.1.evil.example/' }), /https/],
    [account({ token_uri: 'http://localhost@evil.example/' }), /https/],
    [account({ token_uri: 'https://u:p@oauth2.example/' }), /https/],
    [account({ token_uri: 'file:///etc/passwd' }), /https/],
    [account({ token_uri: 'nonsense' }), /https/],
  ] as const) {
    t.match(parseServiceAccount(text), fault, text.slice(0, 20));
    const { asked, sign } = setUp();
    const { headers, done } = sign(new Secret(text));
    const refusal = await done;
    t.match(refusal, { code: 'upstream_auth_failed', detail: fault });
    t.notMatch(JSON.stringify(refusal), /canary|PRIVATE KEY/);
    t.strictSame(headers, []);
    t.equal(asked.length, 0);
  }
});

t.test('loopback may be plain, for emulators', async t => {
  for (const token_uri of ['http://127.0.0.1:8081/t', 'http://localhost/t', 'http://[::1]:1/t']) {
    t.type(parseServiceAccount(account({ token_uri, private_key_id: undefined })), 'object', token_uri);
  }
});
