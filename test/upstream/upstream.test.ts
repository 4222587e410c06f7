import t from 'tap';
import { exchange, RawClient, readAnswer, requestBytes } from '../client/index.ts';
import { within } from '../deadline/index.ts';
import { chunkFrame, lastChunk } from '../raw/index.ts';
import * as up from './index.ts';
import { Upstream } from './index.ts';

t.test('records requests byte for byte and answers by script', async t => {
  const upstream = await Upstream.start();
  t.teardown(() => upstream.close());
  upstream.reply(up.respond(200, [['X-B', '\xe9']], 'ok'));
  upstream.on('POST', '/v1/x', up.chunked(201, [], ['ab', 'c']));

  const plain = await exchange(upstream.port, {
    target: '/other?q=1',
    fields: [
      ['X-Case', 'A'],
      ['x-case', 'b'],
    ],
  });
  t.equal(plain.status, 200);
  t.equal(plain.head.value('x-b'), '\xe9');
  t.equal(plain.body.toString(), 'ok');
  t.equal(plain.ending, 'complete');

  const posted = await exchange(upstream.port, { target: '/v1/x?k=v', body: 'hello' });
  t.equal(posted.status, 201);
  t.equal(posted.body.toString(), 'abc');

  const [first, second] = [await upstream.next(), await upstream.next()];
  t.equal(first.method, 'GET');
  t.equal(first.target, '/other?q=1');
  t.same(first.values('x-case'), ['A', 'b']);
  t.equal(first.framing, 'none');
  t.match(
    first.head.raw.toString('latin1'),
    /^GET \/other\?q=1 HTTP\/1\.1\r\nHost: 127\.0\.0\.1\r\nX-Case: A\r\n/,
  );
  t.equal(second.framing, 'length');
  t.equal((await second.wholeBody()).toString(), 'hello');
  t.equal((await second.closed()).how, 'fin');
  t.ok(upstream.bytesReceived > 0);
});

t.test('keep-alive, pipelined and chunked requests arrive one after the other at any split', async t => {
  const upstream = await Upstream.start();
  t.teardown(() => upstream.close());
  upstream.reply(async turn => turn.run(up.respond(200, [], `${turn.request.method}:${turn.request.body}`)));
  const wire = Buffer.concat([
    requestBytes({ target: '/a', fields: [['Transfer-Encoding', 'chunked']], method: 'PUT' }),
    chunkFrame(Buffer.from('one')),
    lastChunk([['X-T', '1']]),
    requestBytes({ target: '/b', body: 'two' }),
    requestBytes({ target: '/c' }),
  ]);
  for (let cut = 1; cut < wire.length; cut += 17) {
    const client = await RawClient.connect(upstream.port);
    await client.send(wire.subarray(0, cut));
    await client.send(wire.subarray(cut));
    const bodies: string[] = [];
    for (let i = 0; i < 3; i++) bodies.push((await readAnswer(client, 'POST')).body.toString());
    t.same(bodies, ['PUT:one', 'POST:two', 'GET:'], `cut at ${cut}`);
    client.destroy();
  }
  t.same(upstream.requests[0]!.trailers, [['X-T', '1']]);
  t.equal(upstream.requests[0]!.connection, upstream.requests[2]!.connection);
});

t.test('answers before the upload ends', async t => {
  const upstream = await Upstream.start();
  t.teardown(() => upstream.close());
  upstream.reply([...up.respond(400, [], 'early'), up.fin()], { at: 'head' });
  const client = await RawClient.connect(upstream.port);
  await client.send(requestBytes({ target: '/', method: 'POST', fields: [['Content-Length', '1000000']] }));
  const answer = await readAnswer(client, 'POST');
  t.equal(answer.status, 400);
  t.equal(await client.ended(), 'fin');
  t.notOk((await upstream.next()).complete);
});

t.test('resets, early ends and half-closes are told apart by the client', async t => {
  const upstream = await Upstream.start();
  t.teardown(() => upstream.close());
  const cases: [string, up.Script, string][] = [
    [
      'rst in a chunk',
      [up.head(200, [['Transfer-Encoding', 'chunked']]), up.raw('5\r\nab'), up.wait(20), up.rst()],
      'reset',
    ],
    [
      'fin in a chunk',
      [up.head(200, [['Transfer-Encoding', 'chunked']]), up.raw('5\r\nab'), up.fin()],
      'finEarly',
    ],
    [
      'no last chunk',
      [up.head(200, [['Transfer-Encoding', 'chunked']]), up.chunk('ab'), up.halfClose()],
      'finEarly',
    ],
    ['short length', [up.head(200, [['Content-Length', '10']]), up.raw('ab'), up.fin()], 'finEarly'],
    [
      'bad chunk',
      [up.head(200, [['Transfer-Encoding', 'chunked']]), up.chunk('ab'), up.raw('ZZ\r\n')],
      'malformed',
    ],
    ['close-delimited', up.closeDelimited(200, [], ['a', 'b']), 'complete'],
    ['close-delimited, rst', [up.head(200), up.raw('ab'), up.wait(20), up.rst()], 'reset'],
  ];
  for (const [name, script, ending] of cases) {
    upstream.reply(script);
    const answer = await exchange(upstream.port, { target: '/' });
    t.equal(answer.ending, ending, name);
    t.equal(answer.body.toString(), 'ab', name);
  }
});

t.test('a gate holds a script until the test opens it', async t => {
  const upstream = await Upstream.start();
  t.teardown(() => upstream.close());
  const gate = up.gate();
  upstream.reply([
    up.head(200, [['Transfer-Encoding', 'chunked']]),
    up.chunk('a'),
    gate,
    up.chunk('b'),
    up.last(),
  ]);
  const client = await RawClient.connect(upstream.port);
  t.teardown(() => client.destroy());
  await client.send(requestBytes({ target: '/' }));
  const body = client.body(await client.expectHead(), 'GET');
  t.equal(String(await body.read()), 'a');
  await gate.reached;
  t.equal(upstream.requests[0]!.answered, false);
  gate.open();
  t.equal(String(await body.all()), 'b');
  await upstream.quiet();
  t.equal(upstream.requests[0]!.answered, true);
});

t.test('a provider that does not read makes the sender wait', async t => {
  const upstream = await Upstream.start();
  t.teardown(() => upstream.close());
  const gate = up.gate();
  upstream.reply(
    [
      up.ignoreBody(),
      up.pauseReading(),
      gate,
      up.resumeReading(),
      up.awaitBody(),
      ...up.respond(200, [], ''),
    ],
    {
      at: 'head',
    },
  );
  const client = await RawClient.connect(upstream.port);
  t.teardown(() => client.destroy());
  const size = 64 << 20;
  await client.send(
    requestBytes({ target: '/', method: 'POST', fields: [['Content-Length', String(size)]] }),
  );
  await gate.reached;
  let sent = false;
  const sending = client.send(Buffer.alloc(size)).then(() => {
    sent = true;
  });
  const answered = exchange(upstream.port, { target: '/other' });
  upstream.on('GET', '/other', up.respond(200, [], ''));
  await answered;
  t.equal(sent, false);
  t.ok(upstream.connections[0]!.bytesReceived < size);
  gate.open();
  await sending;
  t.equal((await readAnswer(client, 'POST')).status, 200);
});

t.test('a client that does not read stops the provider', async t => {
  const upstream = await Upstream.start();
  t.teardown(() => upstream.close());
  const piece = Buffer.alloc(1 << 20);
  const pieces = 64;
  upstream.reply([
    up.head(200, [['Content-Length', String(piece.length * pieces)]]),
    ...Array(pieces).fill(up.raw(piece)),
  ]);
  const client = await RawClient.connect(upstream.port);
  t.teardown(() => client.destroy());
  client.pauseReading();
  await client.send(requestBytes({ target: '/' }));
  const request = await upstream.next();
  await request.changes.until(() => request.answerBytes > 0, 'first bytes');
  t.equal(request.answered, false);
  client.resumeReading();
  const body = await client.body(await client.expectHead(), 'GET').all();
  t.equal(body.length, piece.length * pieces);
  await upstream.quiet();
});

t.test('a departed client is seen with the manner of its going', async t => {
  const upstream = await Upstream.start();
  t.teardown(() => upstream.close());
  upstream.reply(() => new Promise(() => {}));
  for (const how of ['fin', 'rst'] as const) {
    const client = await RawClient.connect(upstream.port);
    await client.send(requestBytes({ target: '/' }));
    const request = await upstream.next();
    if (how === 'fin') client.end();
    else client.reset();
    t.equal((await request.closed()).how, how);
    client.destroy();
  }
});

t.test('faults of the sender fail the test that closes the provider', async t => {
  const upstream = await Upstream.start();
  const client = await RawClient.connect(upstream.port);
  await client.send('GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n');
  await client.ended();
  await t.rejects(upstream.close(), /bad Content-Length/);
  const silent = await Upstream.start();
  await (await RawClient.connect(silent.port)).send(requestBytes({ target: '/nobody' }));
  await silent.next();
  await t.rejects(silent.close(), /no script for GET \/nobody/);
});

t.test('once answers one request, then the standing script is back', async t => {
  const upstream = await Upstream.start();
  t.teardown(() => upstream.close());
  upstream.reply(up.respond(200, [], 'always'));
  upstream.reply(up.respond(503, [], 'once'), { once: true });
  t.equal((await exchange(upstream.port, { target: '/' })).status, 503);
  t.equal((await exchange(upstream.port, { target: '/' })).status, 200);
});

const tls = up.selfSigned();

t.test('speaks TLS', { skip: tls === null && 'the openssl program is not here' }, async t => {
  const upstream = await Upstream.start({ tls: tls! });
  t.teardown(() => upstream.close());
  upstream.reply([...up.respond(200, [], 'secret'), up.rst()]);
  const answer = await exchange({ tlsPort: upstream.port }, { target: '/' });
  t.equal(answer.body.toString(), 'secret');
  t.match(upstream.origin, /^https:/);
});

t.test('a closed port refuses', async t => {
  const port = await up.closedPort();
  await t.rejects(within(RawClient.connect(port), 'a connection'), { code: 'ECONNREFUSED' });
});
