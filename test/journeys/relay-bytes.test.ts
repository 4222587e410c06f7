import fc from 'fast-check';
import t from 'tap';
import { exchange, RawClient, readAnswer, requestBytes } from '../client/index.ts';
import { chunkFrame, type Fields, lastChunk } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { relayedFields, startLab } from './lab.ts';
import { pieces, sampleBytes } from './sample.ts';

const lab = await startLab(t, { config: { limits: { bodyBytes: '16MiB' } } });

const sizes = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 65_000, max: 66_500 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1 << 20, max: 3 << 20 }) },
);
const seeds = fc.integer({ min: 1 });
const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1000, max: 70_000 })), {
  minLength: 1,
  maxLength: 6,
});

/** Cuts that do not shatter a big body into a million pieces. */
function cutFor(size: number, cut: readonly number[]): number[] {
  return cut.map(piece => Math.max(piece, Math.ceil(size / 400)));
}

t.test('a response body arrives byte for byte, whatever it is and however it is framed and cut', async t => {
  const types = fc.constantFrom(
    'application/json',
    'text/event-stream',
    'application/x-ndjson',
    'application/octet-stream',
    'audio/mpeg',
    'application/vnd.amazon.eventstream',
    null,
  );
  const framings = fc.constantFrom('length', 'chunked', 'close');
  const law = fc.asyncProperty(
    sizes,
    seeds,
    cuts,
    types,
    framings,
    async (size, seed, cut, type, framing) => {
      const body = sampleBytes(size, seed);
      const parts = pieces(body, cutFor(size, cut));
      const fields: Fields = type === null ? [] : [['Content-Type', type]];
      if (framing === 'chunked') lab.up.reply(up.chunked(200, fields, parts));
      else if (framing === 'close') lab.up.reply(up.closeDelimited(200, fields, parts));
      else lab.up.reply([up.head(200, [...fields, ['Content-Length', String(size)]]), ...parts.map(up.raw)]);
      // A chat stream that ends by close must have its last event, which random bytes do not.
      const target = framing === 'close' ? '/lab/v1/anything' : '/lab/v1/chat/completions';
      const answer = await lab.ask({ target, body: '{"model":"m"}' });
      if (answer.ending !== 'complete') throw new Error(`ended ${answer.ending}`);
      return answer.status === 200 && answer.body.equals(body);
    },
  );
  await fc.assert(law, { numRuns: 60 });
  t.pass('held for every run');
});

t.test('a request body arrives byte for byte, in hand or streamed, with a length or chunked', async t => {
  lab.up.reply(up.respond(200, [], 'ok'));
  const law = fc.asyncProperty(sizes, seeds, cuts, fc.boolean(), async (size, seed, cut, chunked) => {
    const body = sampleBytes(size, seed);
    const parts = pieces(body, cutFor(size, cut));
    const client = await RawClient.connect(lab.port);
    try {
      const framing: Fields = chunked
        ? [['Transfer-Encoding', 'chunked']]
        : [['Content-Length', String(size)]];
      await client.send(requestBytes({ target: '/lab/v1/files', method: 'PUT', fields: framing }));
      for (const part of parts) await client.send(chunked ? chunkFrame(part) : part);
      if (chunked) await client.send(lastChunk());
      const answer = await readAnswer(client, 'PUT');
      const request = lab.up.requests.at(-1)!;
      if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body}`);
      return request.complete && request.body.equals(body);
    } finally {
      client.destroy();
    }
  });
  await fc.assert(law, { numRuns: 60 });
  t.pass('held for every run');
});

t.test('a body in hand goes up with its length, a long one as it was framed', async t => {
  lab.up.reply(up.respond(200, [], 'ok'));
  const send = async (body: Buffer, fields: Fields): Promise<string> => {
    await lab.ask({ target: '/lab/x', method: 'POST', fields, body });
    return lab.up.requests.at(-1)!.framing;
  };
  const small = Buffer.alloc(65_536, 'a');
  const large = Buffer.alloc(65_537, 'a');
  const coded = (body: Buffer): Buffer => Buffer.concat([chunkFrame(body), lastChunk()]);
  t.equal(await send(small, []), 'length');
  t.equal(await send(large, []), 'length');
  t.equal(await send(coded(small), [['Transfer-Encoding', 'chunked']]), 'length');
  t.equal(await send(coded(large), [['Transfer-Encoding', 'chunked']]), 'chunked');
  t.equal(lab.up.requests.at(-1)!.value('content-length'), null);
});

t.test('request trailers end with the body: none of their fields goes up, the body is whole', async t => {
  lab.up.reply(up.respond(200, [], 'ok'));
  const body = Buffer.concat([
    chunkFrame(Buffer.from('abc')),
    lastChunk([
      ['X-T', '1'],
      ['Authorization', 'Bearer other'],
      ['Host', 'evil.test'],
    ]),
  ]);
  const answer = await lab.ask({
    target: '/lab/x',
    method: 'POST',
    fields: [['Transfer-Encoding', 'chunked']],
    body,
  });
  t.equal(answer.status, 200);
  const request = lab.up.requests.at(-1)!;
  t.equal(String(request.body), 'abc');
  t.same(request.trailers, []);
  t.notMatch(request.head.raw.toString('latin1'), /X-T|other|evil/);
});

t.test('every status from 200 to 599 is relayed, its body with it', async t => {
  const client = await lab.connect(t);
  for (let status = 200; status <= 599; status++) {
    const bodiless = status === 204 || status === 304;
    lab.up.reply(
      bodiless
        ? up.head(status, [['X-N', String(status)]])
        : up.respond(status, [['X-N', String(status)]], `s${status}`),
    );
    const answer = await exchange(client, { target: '/lab/any' });
    if (answer.status !== status || answer.head.value('x-n') !== String(status))
      t.fail(`${status} became ${answer.status}`);
    if (answer.body.toString() !== (bodiless ? '' : `s${status}`))
      t.fail(`body of ${status}: ${answer.body}`);
  }
  t.equal(client.reader.end, 'open', 'all on one connection');
});

t.test('answers without a body leave the connection in step', async t => {
  const client = await lab.connect(t);
  const cases: [string, up.Script, number][] = [
    [
      'HEAD',
      up.head(200, [
        ['Content-Length', '50'],
        ['Content-Type', 'text/plain'],
      ]),
      200,
    ],
    ['HEAD', up.head(200, [['Transfer-Encoding', 'chunked']]), 200],
    ['GET', up.head(204), 204],
    [
      'GET',
      up.head(304, [
        ['ETag', '"x"'],
        ['Content-Length', '9'],
      ]),
      304,
    ],
    ['GET', up.respond(200, [], ''), 200],
    ['GET', up.chunked(200, [], []), 200],
  ];
  for (const [method, script, status] of cases) {
    lab.up.reply(script);
    const answer = await exchange(client, { target: '/lab/v1/models', method });
    t.equal(answer.status, status);
    t.equal(answer.body.length, 0);
    if (method === 'HEAD' && script === cases[0]![1]) t.equal(answer.head.value('content-length'), '50');
    if (status === 304) t.equal(answer.head.value('etag'), '"x"');
    lab.up.reply(up.respond(200, [], 'next'));
    t.equal((await exchange(client, { target: '/lab/v1/models' })).body.toString(), 'next');
  }
});

t.test('a provider that sends a body where none may be cannot poison the next answer', async t => {
  for (const [method, head] of [
    ['HEAD', up.head(200, [['Content-Length', '50']])],
    ['GET', up.head(204)],
    ['GET', up.head(304)],
  ] as const) {
    const client = await lab.connect(t);
    lab.up.reply([head, up.raw('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL')]);
    const first = await exchange(client, { target: '/lab/v1/models', method });
    t.equal(first.body.length, 0);
    lab.up.reply(up.respond(200, [], 'mine'));
    t.equal((await exchange(client, { target: '/lab/v1/models' })).body.toString(), 'mine', method);
  }
});

t.test('the provider answers chunked to a 1.0 client, which gets the body by close', async t => {
  lab.up.reply(up.chunked(200, [['Content-Type', 'text/event-stream']], ['data: 1\n\n', 'data: 2\n\n']));
  const answer = await lab.ask({ target: '/lab/x', version: '1.0' });
  t.equal(answer.head.value('transfer-encoding'), null);
  t.equal(answer.body.toString(), 'data: 1\n\ndata: 2\n\n');
  t.equal(answer.ending, 'complete');
});

t.test('each event is passed on before the next one exists', async t => {
  const gates = [up.gate(), up.gate(), up.gate()];
  const events = ['data: {"a":1}\n\n', 'data: {"b":', '2}\n\ndata: [DO', 'NE]\n\n'];
  const steps = gates.flatMap((gate, i) => [up.chunk(events[i]!), gate]);
  lab.up.reply([
    up.head(200, [
      ['Content-Type', 'text/event-stream'],
      ['Transfer-Encoding', 'chunked'],
    ]),
    ...steps,
    up.chunk(events[3]!),
    up.last(),
  ]);
  const client = await lab.connect(t);
  await client.send(requestBytes({ target: '/lab/v1/chat/completions', body: '{"stream":true}' }));
  const body = client.body(await client.expectHead());
  for (const [i, gate] of gates.entries()) {
    t.equal(String(await body.atLeast(events[i]!.length)), events[i]);
    gate.open();
  }
  t.equal(String(await body.all()), events[3]);
  t.equal(body.ending, 'complete');
});

t.test('the head is passed on before any body exists', async t => {
  const gate = up.gate();
  lab.up.reply([up.head(200, [['Content-Length', '2']]), gate, up.raw('ok')]);
  const client = await lab.connect(t);
  await client.send(requestBytes({ target: '/lab/x' }));
  const head = await client.expectHead();
  t.equal(head.status, 200);
  gate.open();
  t.equal(String(await client.body(head).all()), 'ok');
});

t.test('pipelined requests are answered in order, each with its own', async t => {
  lab.up.reply(async turn => turn.run(up.respond(200, [], `<${turn.request.target}>`)));
  const client = await lab.connect(t);
  await client.send(Buffer.concat(['/a', '/b', '/c'].map(path => requestBytes({ target: `/lab${path}` }))));
  for (const path of ['/a', '/b', '/c']) t.equal(String((await readAnswer(client, 'GET')).body), `<${path}>`);
});

t.test('an answer that comes while the upload still runs is relayed at once', async t => {
  const gate = up.gate();
  lab.up.reply(
    [
      up.head(200, [['Transfer-Encoding', 'chunked']]),
      up.chunk('early'),
      gate,
      up.awaitBody(),
      up.chunk('late'),
      up.last(),
    ],
    { at: 'head' },
  );
  const client = await lab.connect(t);
  const half = Buffer.alloc(100_000, 'x');
  await client.send(
    requestBytes({ target: '/lab/x', method: 'POST', fields: [['Content-Length', '200000']] }),
  );
  await client.send(half);
  const head = await client.expectHead();
  const body = client.body(head);
  t.equal(String(await body.read()), 'early');
  gate.open();
  await client.send(half);
  t.equal(String(await body.all()), 'late');
  t.equal(body.ending, 'complete');
  t.equal(lab.up.requests.at(-1)!.bodyBytes, 200_000);
});

t.test('path and query go up verbatim', async t => {
  lab.up.reply(up.respond(200, [], 'ok'));
  for (const [sent, received] of [
    ['/lab', '/'],
    ['/lab/', '/'],
    ['/lab?a=1', '/?a=1'],
    ['/lab/v1/models/a%2Fb%3Ac?x=%20&y=/../z', '/v1/models/a%2Fb%3Ac?x=%20&y=/../z'],
    ['/lab/v1/%252e%252e/x', '/v1/%252e%252e/x'],
    ["/lab/a;b=1/c:d@e!$&'()*+,=~", "/a;b=1/c:d@e!$&'()*+,=~"],
    ['/lab/trailing/', '/trailing/'],
    ['/lab/v1?key=AB%2B', '/v1?key=AB%2B'],
  ] as const) {
    const answer = await lab.ask({ target: sent });
    t.equal(answer.status, 200, sent);
    t.equal(lab.up.requests.at(-1)!.target, received, sent);
    t.equal(lab.up.requests.at(-1)!.value('host'), lab.up.origin.slice('http://'.length));
    t.same(
      relayedFields(answer.head.fields).map(([name]) => name.toLowerCase()),
      ['content-length', 'x-request-id'],
    );
  }
});

t.test('afterwards all is well', t => lab.check(t));
