import t, { type Test } from 'tap';
import { type Exchanged, readAnswer } from '../client/index.ts';
import { within } from '../deadline/index.ts';
import * as up from '../upstream/index.ts';
import { startLab } from './lab.ts';

const lab = await startLab(t);
lab.up.reply(up.respond(200, [], 'reached'));

/** A request that must never run behind a refused one. */
const SMUGGLED = 'GET /lab/smuggled HTTP/1.1\r\nHost: localhost\r\nX-Smug: 1\r\n\r\n';
const HEX_LENGTH = SMUGGLED.length.toString(16);
const HOST = 'Host: localhost\r\n';

/** Bytes and what they must become. */
interface Case {
  readonly name: string;
  readonly bytes: string;
  readonly statuses: readonly number[];
  /** The code of the fact; null where the parser refuses, which settles none. */
  readonly code: string | null;
}

function post(fields: string, body = ''): string {
  return `POST /lab/v1/chat/completions HTTP/1.1\r\n${HOST}${fields}\r\n${body}`;
}

function get(target: string, fields = HOST): string {
  return `GET ${target} HTTP/1.1\r\n${fields}\r\n`;
}

const parser = (name: string, bytes: string, statuses: readonly number[] = [400]): Case => ({
  name,
  bytes,
  statuses,
  code: null,
});
const ours = (name: string, bytes: string, status: number, code: string): Case => ({
  name,
  bytes,
  statuses: [status],
  code,
});

const FRAMING: readonly Case[] = [
  parser(
    'R1 length and coding',
    post('Content-Length: 5\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  ),
  parser(
    'R2 coding and length',
    post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `${HEX_LENGTH}\r\n${SMUGGLED}\r\n0\r\n\r\n`),
  ),
  ours(
    'R3 another coding before chunked',
    post('Transfer-Encoding: gzip, chunked\r\n', `3\r\nabc\r\n0\r\n\r\n${SMUGGLED}`),
    501,
    'bad_transfer_coding',
  ),
  ours(
    'identity before chunked',
    post('Transfer-Encoding: identity, chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
    501,
    'bad_transfer_coding',
  ),
  ours(
    'R4 chunked in HTTP/1.0',
    `POST /lab/x HTTP/1.0\r\n${HOST}Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    400,
    'bad_framing',
  ),
  ours(
    'R5 bad chunk extension',
    post('Transfer-Encoding: chunked\r\n', `3;\nxx\r\n35\r\n0\r\n\r\n${SMUGGLED}`),
    400,
    'bad_framing',
  ),
  ours(
    'R6 chunk data over its size',
    post('Transfer-Encoding: chunked\r\n', `3\r\nabcXX0\r\n\r\n${SMUGGLED}`),
    400,
    'bad_framing',
  ),
  ...['xchunked', 'cow', 'identity', '"chunked"', 'chunked;x=1'].map(coding =>
    ours(
      `coding ${coding}`,
      post(`Transfer-Encoding: ${coding}\r\n`, `0\r\n\r\n${SMUGGLED}`),
      501,
      'bad_transfer_coding',
    ),
  ),
  ...['3\r\nContent-Length: 4', '3\r\nContent-Length: 3', '3\r\ncontent-length: 3\r\nContent_Length: 9'].map(
    length =>
      parser(`lengths ${JSON.stringify(length)}`, post(`Content-Length: ${length}\r\n`, `abc${SMUGGLED}`)),
  ),
  ...['3, 3', '+3', '-1', '0x3', '3.0', '3 3', '', '99999999999999999999', '18446744073709551619'].map(
    length =>
      parser(`length ${JSON.stringify(length)}`, post(`Content-Length: ${length}\r\n`, `abc${SMUGGLED}`)),
  ),
  parser(
    'coding chunked, identity',
    post('Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${SMUGGLED}`),
  ),
  parser(
    'space before the colon of a coding',
    post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  ),
  parser('space before the colon of a length', post('Content-Length : 3\r\n', `abc${SMUGGLED}`)),
  parser('folded coding', post('Transfer-Encoding:\r\n chunked\r\n', `0\r\n\r\n${SMUGGLED}`)),
  parser(
    'two codings',
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${SMUGGLED}`),
  ),
  parser('bare LF', `GET /lab/x HTTP/1.1\nHost: localhost\n\n${SMUGGLED}`, [400, 505]),
  parser('one bare LF', `GET /lab/x HTTP/1.1\r\nHost: localhost\nX-A: 1\r\n\r\n${SMUGGLED}`),
  parser('bare CR in a value', get('/lab/x', `${HOST}X-A: a\rb\r\n`) + SMUGGLED),
  parser('NUL in a value', get('/lab/x', `${HOST}X-A: a\0b\r\n`) + SMUGGLED),
  parser('NUL in a name', get('/lab/x', `${HOST}X\0A: b\r\n`) + SMUGGLED),
  parser('control byte in a value', get('/lab/x', `${HOST}X-A: a\x01b\r\n`) + SMUGGLED),
  parser('empty name', get('/lab/x', `${HOST}: b\r\n`) + SMUGGLED),
  parser('no colon', get('/lab/x', `${HOST}nocolon\r\n`) + SMUGGLED),
  parser('headers over 16 KiB', get('/lab/x', `${HOST}X-A: ${'a'.repeat(17_000)}\r\n`), [431]),
  parser('target over 16 KiB', get(`/lab/${'a'.repeat(17_000)}`), [431]),
  parser('an unknown method', `FOO /lab/x HTTP/1.1\r\n${HOST}\r\n${SMUGGLED}`),
  parser('a lower-case method', `get /lab/x HTTP/1.1\r\n${HOST}\r\n${SMUGGLED}`),
  parser('authority-form', get('evil.test:443')),
  parser('no leading slash', get('lab/x')),
  ...['0x3', '+3', '-3', ' 3', '0_3', '', '10000000000000003'].map(size =>
    ours(
      `chunk size ${JSON.stringify(size)}`,
      post('Transfer-Encoding: chunked\r\n', `${size}\r\nabc\r\n0\r\n\r\n${SMUGGLED}`),
      400,
      'bad_framing',
    ),
  ),
  ours(
    'chunk data without its end',
    post('Transfer-Encoding: chunked\r\n', `3\r\nabc\n0\r\n\r\n${SMUGGLED}`),
    400,
    'bad_framing',
  ),
  ours(
    'a length in the trailer',
    post('Transfer-Encoding: chunked\r\n', `0\r\nContent-Length: 3\r\n\r\n${SMUGGLED}`),
    400,
    'bad_framing',
  ),
  ours('a later version', `GET /lab/x HTTP/2.0\r\n${HOST}\r\n${SMUGGLED}`, 505, 'http_version'),
  ours('no version at all', 'GET /lab/x\r\n\r\n', 505, 'http_version'),
];

const HOSTS: readonly Case[] = [
  ours('two hosts', get('/lab/x', 'Host: a\r\nHost: a\r\n') + SMUGGLED, 400, 'bad_framing'),
  ours('no host', get('/lab/x', 'X-A: 1\r\n') + SMUGGLED, 400, 'bad_framing'),
  ...['', 'a, b', 'u@b', 'a/../c', 'a?d', 'a b', 'a#b', 'a\\b', `${'a'.repeat(300)}`, '[::1', 'a:b'].map(
    host =>
      ours(
        `host ${JSON.stringify(host.slice(0, 20))}`,
        get('/lab/x', `Host: ${host}\r\n`) + SMUGGLED,
        400,
        'bad_framing',
      ),
  ),
];

const TARGETS: readonly Case[] = [
  ...[
    'http://evil.test/lab/x',
    'https://u:p@evil.test:99/lab/x',
    '*',
    '//evil.test/lab',
    '/lab//x',
    '///',
    '/lab/../openai/v1/models',
    '/lab/./x',
    '/lab/v1/../../admin',
    '/lab/..',
    '/lab/%2e%2e/x',
    '/lab/%2E./x',
    '/lab/..%2fx',
    '/lab/a%2f..%2fb',
    '/lab/a%5cb',
    '/lab/a\\b',
    '/\\evil.test/x',
    '/lab/%00',
    '/lab/a%00b',
    '/lab/x#frag',
    '/lab/%',
    '/lab/%4',
    '/lab/%zz',
    '/lab?x=%zz',
    '/lab?x=#y',
  ].map(target => ours(`target ${target}`, get(target) + SMUGGLED, 400, 'bad_target')),
  parser('a raw byte above 0x7e', get('/lab/\xe9') + SMUGGLED),
  parser('DEL', get('/lab/\x7f') + SMUGGLED),
];

const METHODS: readonly Case[] = [
  ...['TRACE', 'QUERY', 'PROPFIND', 'PURGE', 'LINK'].map(method =>
    ours(
      `method ${method}`,
      `${method} /lab/x HTTP/1.1\r\n${HOST}\r\n${SMUGGLED}`,
      405,
      'method_not_allowed',
    ),
  ),
  parser('CONNECT', `CONNECT evil.test:443 HTTP/1.1\r\n${HOST}\r\n${SMUGGLED}`, [400, 405]),
  ours(
    'another expectation',
    post('Expect: banana\r\nContent-Length: 3\r\n', `abc${SMUGGLED}`),
    417,
    'expectation_failed',
  ),
  ours(
    'R7 upgrade to foo',
    get('/lab/x', `${HOST}Connection: Upgrade\r\nUpgrade: foo\r\n`) + SMUGGLED,
    426,
    'upgrade_required',
  ),
  ours(
    'upgrade to websocket',
    get(
      '/lab/v1/realtime',
      `${HOST}Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`,
    ) + SMUGGLED,
    426,
    'upgrade_required',
  ),
  ours(
    'upgrade to h2c',
    get('/lab/x', `${HOST}Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAA\r\n`) +
      SMUGGLED,
    426,
    'upgrade_required',
  ),
  ours(
    'upgrade with a body',
    post('Connection: Upgrade\r\nUpgrade: foo\r\nContent-Length: 3\r\n', `abc${SMUGGLED}`),
    426,
    'upgrade_required',
  ),
  ours(
    'a bad target counts before the upgrade',
    get('/lab/../x', `${HOST}Connection: Upgrade\r\nUpgrade: foo\r\n`) + SMUGGLED,
    400,
    'bad_target',
  ),
];

/** Sends, reads the one answer and what the connection does after it. */
async function refusal(t: Test, bytes: string): Promise<Exchanged> {
  const client = await lab.connect(t);
  await client.send(bytes);
  const answer = await within(readAnswer(client, 'POST'), 'an answer');
  // A lone request gives node no reason to close before its keep-alive ends; ours is to close.
  await within(client.ended(), 'the connection to end');
  const rest = await client.reader.rest();
  t.equal(rest.length, 0, 'one answer only');
  return answer;
}

async function expectRefused(t: Test, { bytes, statuses, code }: Case): Promise<void> {
  const seen = lab.up.requests.length;
  const refusals = code === null ? 0 : lab.refusals(code);
  const answer = await refusal(t, bytes);
  t.ok(statuses.includes(answer.status), `status ${answer.status}`);
  t.equal(answer.head.value('connection'), 'close');
  t.type(answer.head.value('x-weir-error'), 'string');
  t.equal(answer.ending, 'complete');
  t.equal(lab.up.requests.length, seen, 'the provider saw nothing');
  if (code === null) return;
  t.equal(answer.head.value('x-weir-error'), code);
  await lab.refusalCount(code, refusals + 1);
  const fact = lab.weir.facts.findLast(({ errorCode }) => errorCode === code)!;
  t.match(fact, { outcome: 'refused', errorCode: code, attempts: 0, usageSource: 'none' });
  t.equal(fact.inputTokens, null);
  t.equal(fact.costNanos, null);
}

for (const [group, cases] of Object.entries({ FRAMING, HOSTS, TARGETS, METHODS })) {
  t.test(group.toLowerCase(), async t => {
    for (const one of cases) await t.test(one.name, t => expectRefused(t, one));
  });
}

t.test('each was settled once, and what node’s parser refuses not at all', async t => {
  await lab.askForFact({ target: '/lab/x' });
  const expected = new Map<string, number>();
  for (const { code } of [...FRAMING, ...HOSTS, ...TARGETS, ...METHODS]) {
    if (code !== null) expected.set(code, (expected.get(code) ?? 0) + 1);
  }
  const settled = new Set(lab.weir.facts.flatMap(({ errorCode }) => errorCode ?? []));
  t.same([...settled].sort(), [...expected.keys()].sort());
  for (const [code, count] of expected) t.equal(lab.refusals(code), count, code);
  t.equal(lab.weir.facts.filter(({ outcome }) => outcome === 'complete').length, 1);
});

t.test('a body that no request should have is read as a body', async t => {
  const client = await lab.connect(t);
  await client.send(`GET /lab/a HTTP/1.1\r\n${HOST}Content-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`);
  await client.send(get('/lab/b'));
  t.equal((await readAnswer(client, 'GET')).status, 200);
  t.equal((await readAnswer(client, 'GET')).status, 200);
  // Pipelined requests may reach the provider in either order; only their answers keep it.
  const seen = lab.up.requests.slice(-2);
  t.same(seen.map(({ target }) => target).sort(), ['/a', '/b']);
  t.equal(String(seen.find(({ target }) => target === '/a')!.body), SMUGGLED);
});

t.test('R9 a refused key: its body is not run as a request', async t => {
  const received = lab.up.bytesReceived;
  const answer = await refusal(
    t,
    `POST /openai/v1/chat/completions HTTP/1.1\r\n${HOST}Authorization: Bearer weir_bad\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
  );
  t.equal(answer.status, 401);
  t.equal(lab.up.bytesReceived, received);
});

t.test('a refusal without a body keeps the connection, and nothing pipelined behind it runs', async t => {
  const client = await lab.connect(t);
  await client.send(get('/nobody/x'));
  t.equal((await readAnswer(client, 'GET')).status, 404);
  await client.send(get('/lab/x'));
  t.equal((await readAnswer(client, 'GET')).status, 200);
  const seen = lab.up.requests.length;
  const piped = await lab.connect(t);
  await piped.send(get('/nobody/x') + SMUGGLED);
  t.equal((await readAnswer(piped, 'GET')).status, 404);
  await piped.ended();
  t.equal((await piped.reader.rest()).length, 0);
  t.equal(lab.up.requests.length, seen);
});

t.test('nothing that comes after a closing answer runs', async t => {
  const closing = [
    get('/lab//x'),
    get('/lab/x', 'Host: u@b\r\n'),
    post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n'),
  ];
  for (const bytes of closing) {
    const seen = lab.up.requests.length;
    const client = await lab.connect(t);
    await client.send(bytes);
    t.equal((await readAnswer(client, 'GET')).head.value('connection'), 'close');
    for (let i = 0; i < 3; i++) await client.send(SMUGGLED);
    await client.ended();
    t.equal((await client.reader.rest()).length, 0, 'no second answer');
    t.equal(lab.up.requests.length, seen, 'the provider saw nothing');
  }
});

t.test('afterwards all is well', t => lab.check(t));
