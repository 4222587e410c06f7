import t from 'tap';
import { readAnswer, requestBytes } from '../client/index.ts';
import { chunkFrame, type Fields, lastChunk } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { startLab } from './lab.ts';

const CAP = 256 << 10;
const lab = await startLab(t, { config: { limits: { bodyBytes: CAP } } });
const tiny = await startLab(t, { config: { limits: { bodyBytes: '2KiB' } } });

const CHUNKED: Fields = [['Transfer-Encoding', 'chunked']];

t.test('a declared length over the cap is refused before any upstream byte', async t => {
  for (const length of [CAP + 1, 10_000_000_000, Number.MAX_SAFE_INTEGER]) {
    const received = lab.up.bytesReceived;
    const { id, field } = lab.tag();
    const client = await lab.connect(t);
    await client.send(
      requestBytes({ target: '/lab/x', method: 'POST', fields: [field, ['Content-Length', String(length)]] }),
    );
    const answer = await readAnswer(client, 'POST');
    t.equal(answer.status, 413);
    t.equal(answer.head.value('x-weir-error'), 'body_too_large');
    t.equal(answer.head.value('connection'), 'close');
    await client.ended();
    t.equal(lab.up.bytesReceived, received);
    t.match(await lab.fact(id), { outcome: 'refused', errorCode: 'body_too_large', status: 413 });
  }
});

t.test('a declared length over the cap gets no 100 Continue', async t => {
  const client = await lab.connect(t);
  const fields: Fields = [
    ['Expect', '100-continue'],
    ['Content-Length', String(CAP + 1)],
  ];
  await client.send(requestBytes({ target: '/lab/x', method: 'POST', fields }));
  t.equal((await client.expectHead()).status, 413);
});

t.test('exactly the cap passes, with a length and chunked', async t => {
  lab.up.reply(up.respond(200, [], 'ok'));
  const body = Buffer.alloc(CAP, 'x');
  t.equal((await lab.ask({ target: '/lab/x', body })).status, 200);
  const coded = Buffer.concat([chunkFrame(body), lastChunk()]);
  t.equal((await lab.ask({ target: '/lab/x', method: 'POST', fields: CHUNKED, body: coded })).status, 200);
  t.equal(lab.up.requests.at(-1)!.bodyBytes, CAP);
});

t.test(
  'a chunked body that grows over the cap is refused, and the provider never sees a whole one',
  async t => {
    lab.up.reply(up.respond(200, [], 'ok'));
    for (const extra of [1, 100_000, 2_000_000]) {
      const before = lab.up.requests.length;
      const { id, field } = lab.tag();
      const body = Buffer.concat([
        chunkFrame(Buffer.alloc(CAP, 'x')),
        chunkFrame(Buffer.alloc(extra, 'y')),
        lastChunk(),
      ]);
      const answer = await lab.ask({ target: '/lab/x', method: 'POST', fields: [field, ...CHUNKED], body });
      t.equal(answer.status, 413, `${extra} over`);
      t.equal(answer.head.value('x-weir-error'), 'body_too_large');
      t.equal(answer.head.value('connection'), 'close');
      t.match(await lab.fact(id), { outcome: 'refused', errorCode: 'body_too_large', status: 413 });
      for (const request of lab.up.requests.slice(before)) {
        await request.closed();
        t.notOk(request.complete, 'the upload was broken off');
        t.ok(request.bodyBytes <= CAP, `${request.bodyBytes} bytes went up`);
      }
    }
  },
);

t.test('a chunked body that never ends is cut at the cap', async t => {
  lab.up.reply(up.respond(200, [], 'ok'));
  const client = await lab.connect(t);
  await client.send(requestBytes({ target: '/lab/x', method: 'POST', fields: CHUNKED }));
  const piece = chunkFrame(Buffer.alloc(16_384, 'x'));
  const flood = (async () => {
    let sent = 0;
    while (await client.send(piece)) sent += 16_384;
    return sent;
  })();
  const head = await client.expectHead();
  t.equal(head.status, 413);
  await client.ended();
  client.destroy();
  t.ok((await flood) < 32 << 20, 'and was not swallowed for ever');
});

t.test('a cap below what is held in hand: the provider sees nothing', async t => {
  const received = tiny.up.bytesReceived;
  const answer = await tiny.ask({
    target: '/lab/x',
    method: 'POST',
    fields: CHUNKED,
    body: Buffer.concat([chunkFrame(Buffer.alloc(2048)), chunkFrame(Buffer.alloc(1)), lastChunk()]),
  });
  t.equal(answer.status, 413);
  t.equal(tiny.up.bytesReceived, received);
  tiny.up.reply(up.respond(200, [], 'ok'));
  t.equal((await tiny.ask({ target: '/lab/x', body: Buffer.alloc(2048) })).status, 200);
});

t.test('an early refusal of a big upload answers, and closes soon instead of reading it all', async t => {
  const cases: [string, Fields, string][] = [
    [
      '/openai/v1/x',
      [
        ['Authorization', 'Bearer weir_bad'],
        ['Content-Length', String(CAP)],
      ],
      'invalid_key',
    ],
    ['/nobody/v1/x', [['Content-Length', '100000000']], 'unknown_provider'],
    ['/lab//x', [['Content-Length', '100000000']], 'bad_target'],
    ['/lab/x', [['Content-Length', '100000000']], 'body_too_large'],
  ];
  for (const [target, fields, code] of cases) {
    const client = await lab.connect(t);
    const piece = Buffer.alloc(65_536);
    await client.send(requestBytes({ target, method: 'POST', fields }));
    let sent = 0;
    for (; sent < 600_000; sent += piece.length) await client.send(piece);
    const answer = await readAnswer(client, 'POST');
    const answeredAtMs = performance.now();
    t.equal(answer.head.value('x-weir-error'), code);
    t.equal(answer.head.value('connection'), 'close');
    while (await client.send(piece)) sent += piece.length;
    await client.ended();
    t.ok(
      performance.now() - answeredAtMs < 3000,
      `${code}: gone ${Math.round(performance.now() - answeredAtMs)} ms after`,
    );
    t.ok(sent < 32 << 20, `${code}: took ${sent >> 10} KiB`);
    client.destroy();
  }
});

t.test('afterwards all is well', async t => {
  await lab.check(t);
  await tiny.check(t);
});
