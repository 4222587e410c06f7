import { createHash } from 'node:crypto';
import t, { type Test } from 'tap';
import { readAnswer, requestBytes } from '../client/index.ts';
import * as up from '../upstream/index.ts';
import { type Lab, startLab } from './lab.ts';
import { sampleBytes } from './sample.ts';

const PIECE = sampleBytes(1 << 20, 7);
const PIECES = 160;
const TOTAL = PIECE.length * PIECES;
/** Kernel buffers of four sockets and a little of our own: far below the whole. */
const MOST_IN_FLIGHT = 48 << 20;
const MOST_GROWTH = 100 << 20;

t.setTimeout(90_000);
const lab = await startLab(t, { config: { limits: { bodyBytes: '1GiB' } } });

function digest(of: Iterable<Buffer>): string {
  const hash = createHash('sha256');
  for (const bytes of of) hash.update(bytes);
  return hash.digest('hex');
}

const WHOLE = digest(Array<Buffer>(PIECES).fill(PIECE));

/** Waits until `count` stands still over many whole exchanges of others, and gives where it stands. */
async function standstill(lab: Lab, count: () => number): Promise<number> {
  for (let before = -1; ; ) {
    const now = count();
    if (now === before && now > 0) return now;
    before = now;
    for (let i = 0; i < 40; i++) await lab.ask({ target: '/lab/other' });
  }
}

function flatMemory(t: Test, before: number | null): void {
  const after = lab.weir.residentBytes();
  if (before === null || after === null) t.pass('this platform does not tell a process’s memory');
  else t.ok(after - before < MOST_GROWTH, `grew ${(after - before) >> 20} MiB`);
}

lab.up.on('GET', '/other', up.respond(200, [], 'other'));
for (let i = 0; i < 200; i++) await lab.ask({ target: '/lab/other' });

for (const framing of ['length', 'chunked', 'close'] as const) {
  t.test(`a client that does not read stops the provider (${framing})`, async t => {
    const head = {
      length: [['Content-Length', String(TOTAL)]],
      chunked: [['Transfer-Encoding', 'chunked']],
      close: [],
    }[framing] as [string, string][];
    const piece = framing === 'chunked' ? up.chunk(PIECE) : up.raw(PIECE);
    const end = { length: [], chunked: [up.last()], close: [up.fin()] }[framing];
    lab.up.on('GET', `/flood-${framing}`, [
      up.head(200, [['Content-Type', 'text/event-stream'], ...head]),
      ...Array<up.Step>(PIECES).fill(piece),
      ...end,
    ]);
    const client = await lab.connect(t);
    const before = lab.weir.residentBytes();
    await client.send(requestBytes({ target: `/lab/flood-${framing}` }));
    const answerHead = await client.expectHead();
    client.pauseReading();
    const request = lab.up.requests.find(({ target }) => target === `/flood-${framing}`)!;
    const stood = await standstill(lab, () => request.answerBytes);
    t.ok(stood < MOST_IN_FLIGHT, `stood at ${stood >> 20} MiB of ${TOTAL >> 20}`);
    t.notOk(request.answered);
    flatMemory(t, before);
    client.resumeReading();
    const body = client.body(answerHead, 'GET');
    const hash = createHash('sha256');
    for (let piece = await body.read(); piece !== null; piece = await body.read()) hash.update(piece);
    t.equal(body.ending, 'complete');
    t.equal(hash.digest('hex'), WHOLE);
    flatMemory(t, before);
  });
}

for (const chunked of [false, true]) {
  t.test(`a provider that does not read stops the client (${chunked ? 'chunked' : 'length'})`, async t => {
    const gate = up.gate();
    const path = `/sink-${chunked}`;
    const hash = createHash('sha256');
    lab.up.on(
      'POST',
      path,
      [up.pauseReading(), gate, up.resumeReading(), up.awaitBody(), ...up.respond(200, [], 'took it')],
      { at: 'head' },
    );
    const client = await lab.connect(t);
    const before = lab.weir.residentBytes();
    const framing: [string, string] = chunked
      ? ['Transfer-Encoding', 'chunked']
      : ['Content-Length', String(TOTAL)];
    await client.send(requestBytes({ target: `/lab${path}`, method: 'POST', fields: [framing] }));
    let sent = 0;
    const uploading = (async () => {
      for (let i = 0; i < PIECES; i++) {
        if (chunked) await client.send(`${PIECE.length.toString(16)}\r\n`);
        await client.send(PIECE);
        if (chunked) await client.send('\r\n');
        sent += PIECE.length;
      }
      if (chunked) await client.send('0\r\n\r\n');
    })();
    await gate.reached;
    const stood = await standstill(lab, () => sent);
    t.ok(stood < MOST_IN_FLIGHT, `stood at ${stood >> 20} MiB of ${TOTAL >> 20}`);
    flatMemory(t, before);
    gate.open();
    await uploading;
    t.equal((await readAnswer(client, 'POST')).status, 200);
    const request = lab.up.requests.find(({ target }) => target === path)!;
    hash.update(request.body);
    t.equal(hash.digest('hex'), WHOLE);
    flatMemory(t, before);
  });
}

t.test('afterwards all is well', t => lab.check(t));
