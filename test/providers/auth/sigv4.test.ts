import { createHash, createHmac } from 'node:crypto';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import { Refusal } from '../../../lib/errors/index.ts';
import { Sigv4Scheme } from '../../../lib/providers/auth/sigv4.ts';

const NOW = Date.parse('2015-08-30T12:36:00Z');
const clock = { wallMs: () => NOW, monotonicMs: () => 0 };

/** The pair of the AWS signing examples. */
const ID = 'AKIDEXAMPLE';
const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';

interface Sent {
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly headers: string[];
  readonly body: Buffer | null;
  readonly secrets: Secret[];
}

function sent(own: Partial<Sent> = {}): Sent {
  return {
    method: 'POST',
    secrets: [],
    host: 'bedrock-runtime.eu-west-1.amazonaws.com',
    path: '/model/us.amazon.nova-2-lite-v1%3A0/converse',
    headers: ['content-type', 'application/json'],
    body: Buffer.from('{"a":1}'),
    ...own,
  };
}

function field(headers: readonly string[], name: string): string | undefined {
  const at = headers.findIndex((each, i) => i % 2 === 0 && each.toLowerCase() === name);
  return at === -1 ? undefined : headers[at + 1];
}

const sha256 = (data: string | Buffer) => createHash('sha256').update(data).digest('hex');
const hmac = (key: string | Buffer, data: string) => createHmac('sha256', key).update(data).digest();

/** RFC 3986 unreserved characters stay; the canonical form escapes everything else. */
const escaped = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, c => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

/**
 * The signature as "Create a signed AWS API request" in the IAM guide writes it
 * down, from what was sent and the names that were said to be signed.
 */
function expectedSignature(request: Sent, scope: readonly string[], signedNames: readonly string[]): string {
  const [path = '', query = ''] = request.path.split(/\?(.*)/s);
  const pairs =
    query === ''
      ? []
      : query.split('&').map(pair => pair.split(/=(.*)/s).map(part => decodeURIComponent(part ?? '')));
  const values = new Map<string, string>([['host', request.host]]);
  for (let i = 0; i < request.headers.length; i += 2) {
    const name = request.headers[i]!.toLowerCase();
    const value = request.headers[i + 1]!.trim().replace(/ +/g, ' ');
    values.set(name, values.has(name) ? `${values.get(name)},${value}` : value);
  }
  const canonical = [
    request.method,
    path.split('/').map(escaped).join('/'),
    pairs
      .map(([name = '', value = '']) => [escaped(name), escaped(value)] as const)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(pair => pair.join('='))
      .join('&'),
    ...signedNames.map(name => `${name}:${values.get(name)}`),
    '',
    signedNames.join(';'),
    sha256(request.body ?? ''),
  ].join('\n');
  const [date = '', region = '', service = ''] = scope;
  const text = [
    'AWS4-HMAC-SHA256',
    values.get('x-amz-date'),
    `${scope.join('/')}/aws4_request`,
    sha256(canonical),
  ].join('\n');
  const key = [region, service, 'aws4_request'].reduce(hmac, hmac(`AWS4${SECRET}`, date));
  return hmac(key, text).toString('hex');
}

function check(t: Test, request: Sent, region: string, service: string, names: readonly string[]): void {
  const authorization = field(request.headers, 'authorization')!;
  const scope = ['20150830', region, service];
  const parsed = /^AWS4-HMAC-SHA256 Credential=(\S+), SignedHeaders=(\S+), Signature=([0-9a-f]{64})$/.exec(
    authorization,
  );
  t.strictSame(parsed?.slice(1, 3), [`${ID}/${scope.join('/')}/aws4_request`, names.join(';')]);
  t.equal(parsed?.[3], expectedSignature(request, scope, names));
}

const bedrock = () => new Sigv4Scheme('bedrock', 'eu-west-1', clock);

t.test('the published example', async t => {
  const request = sent({ method: 'GET', host: 'example.amazonaws.com', path: '/', headers: [], body: null });
  new Sigv4Scheme('service', 'us-east-1', clock).sign(request, new Secret(`${ID}:${SECRET}`));
  t.equal(
    field(request.headers, 'authorization'),
    `AWS4-HMAC-SHA256 Credential=${ID}/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, ` +
      'Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
  );
  check(t, request, 'us-east-1', 'service', ['host', 'x-amz-date']);
});

t.test('a call with a model in its path: an escape is signed as it was sent, encoded once more', async t => {
  const request = sent();
  t.equal(bedrock().sign(request, new Secret(`${ID}:${SECRET}`)), undefined);
  t.equal(request.path, '/model/us.amazon.nova-2-lite-v1%3A0/converse');
  t.equal(field(request.headers, 'x-amz-date'), '20150830T123600Z');
  t.equal(field(request.headers, 'x-amz-security-token'), undefined);
  check(t, request, 'eu-west-1', 'bedrock', ['content-type', 'host', 'x-amz-date']);
});

t.test('a session token goes along and is signed', async t => {
  const request = sent();
  bedrock().sign(request, new Secret(`${ID}:${SECRET}:FwoGZXIvYXdz//token+=`));
  t.equal(field(request.headers, 'x-amz-security-token'), 'FwoGZXIvYXdz//token+=');
  check(t, request, 'eu-west-1', 'bedrock', ['content-type', 'host', 'x-amz-date', 'x-amz-security-token']);
});

t.test('what a client signed with is replaced; its other x-amz fields are signed anew', async t => {
  const request = sent({
    headers: [
      ...[
        'X-Amz-Date',
        '20200101T000000Z',
        'Content-Type',
        'application/json',
        'X-Amz-Security-Token',
        'stale',
      ],
      ...[
        'x-amz-content-sha256',
        'stale',
        'X-Amz-Two',
        ' a  b ',
        'x-amz-two',
        'c',
        'accept',
        '*/*',
        'x-amzn-trace',
        '1',
      ],
    ],
  });
  bedrock().sign(request, new Secret(`${ID}:${SECRET}`));
  t.notMatch(request.headers, 'stale');
  t.equal(request.headers.filter(each => each.toLowerCase() === 'x-amz-date').length, 1);
  t.strictSame(
    request.headers.slice(0, 2),
    ['Content-Type', 'application/json'],
    'the rest keeps its order and spelling',
  );
  check(t, request, 'eu-west-1', 'bedrock', ['content-type', 'host', 'x-amz-date', 'x-amz-two']);
});

t.test('no body, no type: nothing is signed that is not sent', async t => {
  const request = sent({ method: 'GET', headers: ['content-length', '0'], body: null });
  bedrock().sign(request, new Secret(`${ID}:${SECRET}`));
  check(t, request, 'eu-west-1', 'bedrock', ['host', 'x-amz-date']);
  const untyped = sent({ headers: [] });
  bedrock().sign(untyped, new Secret(`${ID}:${SECRET}`));
  check(t, untyped, 'eu-west-1', 'bedrock', ['host', 'x-amz-date']);
});

t.test('any target that clients send is signed as it goes', async () => {
  const piece = fc
    .stringMatching(/^(?:[A-Za-z0-9._~:@+=,;!$&'()*-]|%[2-7][0-9A-F]){1,12}$/)
    .filter(text => !/^\.{1,2}$/.test(text));
  const pair = fc.tuple(
    fc.stringMatching(/^[A-Za-z0-9_.~-]{1,6}$/),
    fc.stringMatching(/^(?:[A-Za-z0-9_.~-]|%[2-7][0-9A-F]){0,8}$/),
  );
  const query = fc.uniqueArray(pair, { maxLength: 4, selector: ([name]) => name });
  fc.assert(
    fc.property(
      fc.array(piece, { minLength: 1, maxLength: 5 }),
      query,
      fc.uint8Array(),
      (pieces, pairs, body) => {
        const search = pairs.map(each => each.join('=')).join('&');
        const path = `/${pieces.join('/')}${search === '' ? '' : `?${search}`}`;
        const request = sent({ path, body: Buffer.from(body) });
        bedrock().sign(request, new Secret(`${ID}:${SECRET}`));
        const scope = ['20150830', 'eu-west-1', 'bedrock'];
        const wanted = expectedSignature(request, scope, ['content-type', 'host', 'x-amz-date']);
        return (
          request.path === path && field(request.headers, 'authorization')!.endsWith(`Signature=${wanted}`)
        );
      },
    ),
  );
});

t.test('a target that would be signed otherwise than sent is refused', async t => {
  for (const path of ['/model/[a]/converse', '/model/%FF{/converse', '/model/a"b', '/a|b?c=^']) {
    const request = sent({ path });
    const refusal = await bedrock().sign(request, new Secret(`${ID}:${SECRET}`));
    t.match(refusal, { code: 'bad_target' }, path);
    t.strictSame(request.headers, ['content-type', 'application/json'], 'nothing was added');
  }
});

t.test('a key of any other form is an API key', async t => {
  for (const key of [
    'ABSKQmVkcm9jaw==',
    'bedrock-api-key-YmVkcm9jaw==',
    'no-colon',
    `:${SECRET}`,
    `${ID}:`,
    `${ID}:a:b:c`,
  ]) {
    const request = sent();
    new Sigv4Scheme('bedrock', null, clock).sign(request, new Secret(key));
    t.strictSame(request.headers.slice(2), ['authorization', `Bearer ${key}`]);
  }
});

t.test('without a region nothing is signed', async t => {
  const request = sent();
  const refusal = await new Sigv4Scheme('bedrock', null, clock).sign(request, new Secret(`${ID}:${SECRET}`));
  t.ok(refusal instanceof Refusal);
  t.match(refusal, { code: 'upstream_auth_failed' });
  t.equal(request.headers.length, 2);
});
