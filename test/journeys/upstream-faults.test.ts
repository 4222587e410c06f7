import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import t from 'tap';
import { exchange } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import type { Script } from '../upstream/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, startLab } from './lab.ts';

const closed = await up.closedPort();
const tlsCert = up.selfSigned();
const tlsUpstream = tlsCert === null ? null : await up.Upstream.start({ tls: tlsCert });
t.teardown(() => tlsUpstream?.close());
tlsUpstream?.reply(up.respond(200, [], 'never seen'));

/** A server that speaks plain HTTP to whoever knocks, TLS or not. */
const plain = createServer(socket => {
  socket.on('error', () => {});
  socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n'));
}).listen(0, '127.0.0.1');
await once(plain, 'listening');
t.teardown(() => void plain.close());
const plainPort = (plain.address() as AddressInfo).port;

const lab = await startLab(t, { config: { timeouts: { firstByteMs: 400, idleMs: 400, connectMs: 2000 } } });
const apart = await startLab(t, {
  config: {
    providers: {
      refusing: { origin: `http://127.0.0.1:${closed}`, dialect: 'openai', auth: 'none' },
      nowhere: { origin: 'http://nowhere.invalid', dialect: 'anthropic', auth: 'none' },
      untrusted: { origin: tlsUpstream?.origin ?? 'https://127.0.0.1:1', dialect: 'openai', auth: 'none' },
      plaintext: { origin: `https://127.0.0.1:${plainPort}`, dialect: 'openai', auth: 'none' },
    },
  },
});

const RESPONSE = 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL';

/** Answers that are no HTTP a client may be shown, and the code each must become. */
const BROKEN: readonly (readonly [name: string, script: Script, code: string, status: number])[] = [
  ['reset before the head', [up.rst()], 'upstream_reset', 502],
  ['closed before the head', [up.fin()], 'upstream_reset', 502],
  ['closed inside the head', [up.raw('HTTP/1.1 200 OK\r\nX-A'), up.fin()], 'upstream_reset', 502],
  ['silence', [() => new Promise(() => {})], 'upstream_timeout', 504],
  [
    'half a head, then silence',
    [up.raw('HTTP/1.1 200 OK\r\nX-A'), () => new Promise(() => {})],
    'upstream_timeout',
    504,
  ],
  [
    '100 unasked',
    [up.raw('HTTP/1.1 100 Continue\r\n\r\n'), ...up.respond(200, [], 'ok')],
    'upstream_protocol',
    502,
  ],
  [
    '101 unasked',
    [up.raw('HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nbytes')],
    'upstream_protocol',
    502,
  ],
  ['a head of 20 KB', [up.head(200, [['X-Big', 'a'.repeat(20_000)]])], 'upstream_protocol', 502],
  ['bare LF line ends', [up.raw('HTTP/1.1 200 OK\nContent-Length: 2\n\nok')], 'upstream_protocol', 502],
  [
    'a folded field',
    [up.raw('HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\nContent-Length: 2\r\n\r\nok')],
    'upstream_protocol',
    502,
  ],
  [
    'two lengths',
    [up.raw('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok')],
    'upstream_protocol',
    502,
  ],
  [
    'length and coding',
    [up.raw('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\nok')],
    'upstream_protocol',
    502,
  ],
  [
    'coding and length',
    [up.raw('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok')],
    'upstream_protocol',
    502,
  ],
  [
    'NUL in a field',
    [up.raw('HTTP/1.1 200 OK\r\nX-A: \0\r\nContent-Length: 2\r\n\r\nok')],
    'upstream_protocol',
    502,
  ],
  ['no HTTP at all', [up.raw('hello there\r\n\r\n')], 'upstream_protocol', 502],
  ['status 99', [up.raw('HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n')], 'upstream_protocol', 502],
  ['status 1000', [up.raw('HTTP/1.1 1000 High\r\nContent-Length: 0\r\n\r\n')], 'upstream_protocol', 502],
];

for (const [name, script, code, status] of BROKEN) {
  t.test(`${name} is ${status} ${code}, told without a detail of the provider`, async t => {
    lab.up.reply(script);
    const { answer, fact } = await lab.askForFact({
      target: '/openai/v1/chat/completions',
      fields: AS_TEAM,
      body: '{"model":"m"}',
    });
    t.equal(answer.status, status);
    t.equal(answer.head.value('x-weir-error'), code);
    t.equal(answer.ending, 'complete');
    const error = (JSON.parse(String(answer.body)) as { error: { message: string } }).error;
    t.type(error.message, 'string');
    t.notMatch(answer.body.toString(), /127\.0\.0\.1|http:|sk-|UND_|socket|\bat \//i);
    t.match(fact, {
      outcome: 'upstreamFailed',
      errorCode: code,
      status,
      inputTokens: null,
      outputTokens: null,
      usageSource: 'none',
    });
    t.equal(lab.up.openConnections <= 1, true, 'its connection is not kept');
    await lab.check(t);
  });
}

t.test('interim answers do not put off the first byte’s deadline', async t => {
  const drip = Array<readonly up.Step[]>(40).fill([up.raw('HTTP/1.1 103 Early Hints\r\n\r\n'), up.wait(100)]);
  lab.up.reply([...drip.flat(), ...up.respond(200, [], 'late')]);
  const { answer, fact } = await lab.askForFact({ target: '/lab/x' });
  t.equal(answer.status, 504);
  t.match(fact, { outcome: 'upstreamFailed', errorCode: 'upstream_timeout' });
});

t.test('a strange status is relayed as a number or refused, and the connection stays in step', async t => {
  for (const status of [600, 999]) {
    const client = await lab.connect(t);
    lab.up.reply(up.respond(status, [], 'odd'));
    const answer = await exchange(client, { target: '/lab/x' });
    t.ok(answer.status === status || answer.status === 502, `${status} became ${answer.status}`);
    lab.up.reply(up.respond(200, [], 'next'));
    t.equal(String((await lab.ask({ target: '/lab/x' })).body), 'next');
  }
});

t.test('an unknown transfer coding never reaches the client', async t => {
  lab.up.reply([up.raw(`HTTP/1.1 200 OK\r\nTransfer-Encoding: cow\r\n\r\n${RESPONSE}`), up.fin()]);
  const client = await lab.connect(t);
  const answer = await exchange(client, { target: '/lab/x' });
  t.not(answer.head.value('transfer-encoding'), 'cow');
  if (answer.status === 200) t.equal(String(answer.body), RESPONSE, 're-framed whole');
  else t.equal(answer.head.value('x-weir-error'), 'upstream_protocol');
  await lab.check(t);
});

t.test('one request gets one answer, whatever follows it', async t => {
  const scripts: Script[] = [
    [up.raw(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok${RESPONSE}`)],
    [up.raw(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n${RESPONSE}`)],
  ];
  for (const script of scripts) {
    const client = await lab.connect(t);
    lab.up.reply(script);
    t.equal(String((await exchange(client, { target: '/lab/x' })).body), 'ok');
    lab.up.reply(up.respond(200, [], 'mine'));
    for (let i = 0; i < 5; i++) t.equal(String((await exchange(client, { target: '/lab/x' })).body), 'mine');
  }
});

t.test('an answer nobody asked for on an idle connection is nobody’s', async t => {
  for (let round = 0; round < 20; round++) {
    const gate = up.gate();
    lab.up.reply([...up.respond(200, [], 'ok'), gate, up.raw(RESPONSE)]);
    t.equal(String((await lab.ask({ target: '/lab/x' })).body), 'ok');
    const { connection } = lab.up.requests.at(-1)!;
    gate.open();
    await connection.changes.until(
      () => connection.peerClose !== null || connection.gone,
      'the gateway to drop it',
    );
    lab.up.reply(up.respond(200, [], 'mine'));
    t.equal(String((await lab.ask({ target: '/lab/x' })).body), 'mine');
  }
});

t.test('bytes after the last event of a stream that never ends are the provider’s, until idle', async t => {
  const end = 'data: [DONE]\n\n';
  lab.up.reply([
    up.head(200, [['Content-Type', 'text/event-stream']]),
    up.raw(end),
    up.raw(Buffer.alloc(1 << 20, 'x')),
  ]);
  const { answer, fact } = await lab.askForFact({
    target: '/openai/v1/chat/completions',
    fields: AS_TEAM,
    body: '{"model":"m","stream":true}',
  });
  t.equal(answer.body.length, end.length + (1 << 20));
  t.not(answer.ending, 'complete');
  t.equal(fact.outcome, 'upstreamTruncated');
  t.equal(fact.errorCode, 'upstream_timeout');
});

const TOO_MUCH = up.respond(
  413,
  [
    ['Content-Type', 'application/json'],
    ['Connection', 'close'],
  ],
  '{"error":"too much"}',
);

const UPLOADS = [
  ['length', ['Content-Length', '20000000'], Buffer.alloc(600_000, 'x')],
  [
    'chunked',
    ['Transfer-Encoding', 'chunked'],
    Buffer.concat([Buffer.from('1000000\r\n'), Buffer.alloc(600_000, 'x')]),
  ],
] as const;

for (const [name, framing, body] of UPLOADS) {
  t.test(`an early refusal by the provider is what the client gets (${name})`, async t => {
    lab.up.reply([...TOO_MUCH, up.halfClose()], { at: 'head' });
    const answer = await lab.ask({ target: '/lab/x', method: 'POST', fields: [framing], body });
    t.equal(answer.status, 413);
    t.equal(String(answer.body), '{"error":"too much"}');
    t.equal(answer.head.value('connection'), 'close');
    await lab.check(t);
  });

  t.test(
    `a provider that refuses early and slams the door is relayed, or told as broken off (${name})`,
    async t => {
      lab.up.reply([...TOO_MUCH, up.fin()], { at: 'head' });
      const answer = await lab.ask({ target: '/lab/x', method: 'POST', fields: [framing], body });
      if (answer.status === 413) t.equal(String(answer.body), '{"error":"too much"}');
      else t.equal(answer.head.value('x-weir-error'), 'upstream_reset');
      t.equal(answer.head.value('connection'), 'close');
      await lab.check(t);
    },
  );
}

t.test('trailers of the provider are not applied', async t => {
  lab.up.reply([
    up.head(200, [
      ['Transfer-Encoding', 'chunked'],
      ['Trailer', 'Set-Cookie'],
    ]),
    up.chunk('ok'),
    up.last([['Set-Cookie', 'a=b']]),
  ]);
  const client = await lab.connect(t);
  const answer = await exchange(client, { target: '/lab/x' });
  t.equal(String(answer.body), 'ok');
  t.notMatch(answer.head.head.raw.toString(), /cookie|trailer/i);
  lab.up.reply(up.respond(200, [], 'next'));
  t.equal(String((await exchange(client, { target: '/lab/x' })).body), 'next');
});

const UNREACHABLE: readonly (readonly [provider: string, code: string, status: number])[] = [
  ['refusing', 'upstream_unreachable', 502],
  ['nowhere', 'upstream_unreachable', 502],
  ['plaintext', 'upstream_tls', 502],
];

for (const [provider, code, status] of UNREACHABLE) {
  t.test(`${provider}: ${status} ${code}`, async t => {
    const { answer, fact } = await apart.askForFact({ target: `/${provider}/v1/x`, body: '{}' });
    t.equal(answer.status, status);
    t.equal(answer.head.value('x-weir-error'), code);
    t.equal(answer.head.value('x-should-retry'), 'true');
    t.notMatch(String(answer.body), /127\.0\.0\.1|invalid|ECONN|ENOTFOUND|EAI_/);
    t.match(fact, { outcome: 'upstreamFailed', errorCode: code, status, provider });
  });
}

t.test(
  'a certificate nobody vouches for: 502, and the key never went',
  { skip: tlsCert === null && 'the openssl program is not here' },
  async t => {
    const { answer, fact } = await apart.askForFact({ target: '/untrusted/v1/x', body: '{}' });
    t.equal(answer.status, 502);
    t.equal(answer.head.value('x-weir-error'), 'upstream_tls');
    t.equal(fact.errorCode, 'upstream_tls');
    t.equal(tlsUpstream!.requests.length, 0);
  },
);

t.test('a body that was being sent when the provider failed ends the client’s connection', async t => {
  lab.up.reply([up.rst()], { at: 'head' });
  const fields: Fields = [['Content-Length', '20000000']];
  const answer = await lab.ask({ target: '/lab/x', method: 'POST', fields, body: Buffer.alloc(600_000) });
  t.equal(answer.status, 502);
  t.equal(answer.head.value('x-weir-error'), 'upstream_reset');
  t.equal(answer.head.value('connection'), 'close');
});

t.test('afterwards all is well', t => lab.check(t));
