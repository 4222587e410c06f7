import t, { type Test } from 'tap';
import { exchange, type RawClient, requestBytes } from '../client/index.ts';
import { within } from '../deadline/index.ts';
import { startWeir } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import type { Gate, RecordedRequest, Step } from '../upstream/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, CLIENT_KEY, Lab, POOL_KEY } from './lab.ts';
import { samplesOf, total } from './prometheus.ts';

/** Answers of `reader` are read on after their client left, those of `other` are not. */
async function startDrainLab(t: Test, disconnect: unknown, config: object = {}): Promise<Lab> {
  const origin = await up.Upstream.start();
  t.teardown(() => origin.close());
  const pooled = { origin: origin.origin, keys: ['env:TEST_POOL_KEY'], dialect: 'anthropic', auth: 'bearer' };
  const prices = [{ models: ['m-*'], input: 3, output: 15 }];
  const weir = await startWeir(t, {
    config: {
      ops: {},
      providers: {
        lab: { origin: origin.origin, dialect: 'openai', auth: 'none' },
        reader: { ...pooled, prices, disconnect },
        other: pooled,
      },
      auth: { byo: true, staticKeys: [{ id: 'team-key', key: 'env:TEST_CLIENT_KEY', subject: 'team' }] },
      ...config,
    },
    env: { TEST_POOL_KEY: POOL_KEY, TEST_CLIENT_KEY: CLIENT_KEY },
  });
  return new Lab(origin, weir);
}

const STREAM: Fields = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
];

const event = (type: string, data: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`;

const START = event('message_start', {
  message: { model: 'm-1', usage: { input_tokens: 11, output_tokens: 1 } },
});
const DELTA = event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'so it goes' } });
const END = [
  event('message_delta', { delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 40 } }),
  event('message_stop', {}),
].join('');

const WAYS: readonly [string, (client: RawClient) => void][] = [
  ['closes', client => client.destroy()],
  ['resets', client => client.reset()],
  ['half-closes', client => client.end()],
];

interface Left {
  readonly client: RawClient;
  readonly id: string;
  readonly request: RecordedRequest;
  /** What is to come of the answer waits for it. */
  readonly gate: Gate;
}

/** A client that has had the beginning of a stream. */
async function midStream(t: Test, lab: Lab, rest: readonly Step[], provider = 'reader'): Promise<Left> {
  const gate = up.gate();
  lab.up.reply([up.head(200, STREAM), up.chunk(START), gate, ...rest], { once: true });
  const client = await lab.connect(t);
  const { id, field } = lab.tag();
  await client.send(
    requestBytes({
      target: `/${provider}/v1/messages`,
      fields: [...AS_TEAM, field],
      body: '{"model":"m","stream":true}',
    }),
  );
  await client.body(await client.expectHead()).atLeast(START.length);
  return { client, id, gate, request: await lab.up.next() };
}

async function metric(lab: Lab, name: string, labels = {}): Promise<number> {
  const page = await exchange(lab.weir.opsPort, { target: '/metrics' });
  return total(samplesOf(String(page.body)), name, labels);
}

/** How many answers have been read on to that end. */
function drained(lab: Lab, end: string): Promise<number> {
  return metric(lab, 'weir_drained_exchanges_total', { provider: 'reader', end });
}

/** Resolves once so many answers are being read on. */
async function draining(lab: Lab, count = 1): Promise<void> {
  const reached = async (): Promise<void> => {
    while ((await metric(lab, 'weir_draining_exchanges')) !== count);
  };
  await within(reached(), `${count} answers to be read on`);
}

const NO_MORE = { stream: true, errorCode: null, outcome: 'clientAborted', responseBytes: START.length };

t.test('an answer whose client left is read to its end, and its usage and cost are exact', async t => {
  const lab = await startDrainLab(t, 'drain');
  for (const [way, leave] of WAYS) {
    const { client, id, gate } = await midStream(t, lab, [up.chunk(DELTA), up.chunk(END), up.last()]);
    leave(client);
    await draining(lab);
    gate.open();
    t.match(
      await lab.fact(id),
      {
        ...NO_MORE,
        inputTokens: 11,
        outputTokens: 40,
        finishReason: 'end_turn',
        usageSource: 'provider',
        costNanos: 11 * 3000 + 40 * 15_000,
      },
      way,
    );
  }
  t.equal(await drained(lab, 'whole'), WAYS.length);
  await lab.check(t);
});

t.test('past its limit in bytes it is cancelled', async t => {
  const lab = await startDrainLab(t, { drain: { bytes: '4KiB' } });
  const flood = Array<Step>(64).fill(up.chunk(`: ${'x'.repeat(1000)}\n\n`));
  const never: Step = () => new Promise(() => {});
  const { client, id, gate, request } = await midStream(t, lab, [...flood, never]);
  client.destroy();
  await draining(lab);
  gate.open();
  await request.closed();
  t.match(await lab.fact(id), { ...NO_MORE, inputTokens: 11, outputTokens: 1, costNanos: null });
  t.equal(await drained(lab, 'limit'), 1);
  await lab.check(t);
});

t.test('past its limit in time it is cancelled, and holds its place until then', async t => {
  const lab = await startDrainLab(t, { drain: { ms: '1s' } }, { limits: { perKey: { concurrency: 1 } } });
  const { client, id, request } = await midStream(t, lab, []);
  const leftAtMs = performance.now();
  client.destroy();
  await draining(lab);
  const ask = () => lab.ask({ target: '/other/v1/models', fields: AS_TEAM });
  const refused = await ask();
  t.equal(refused.status, 429, 'the slot of the key is taken');
  const { atMs } = await request.closed();
  t.ok(atMs - leftAtMs >= 900, `${Math.round(atMs - leftAtMs)} ms`);
  t.match(await lab.fact(id), { ...NO_MORE, outputTokens: 1 });
  lab.up.reply(up.respond(200, [], 'free'));
  t.equal((await ask()).status, 200, 'and is free afterwards');
  t.equal(await drained(lab, 'limit'), 1);
});

t.test('what the provider breaks off is what its client left', async t => {
  const lab = await startDrainLab(t, 'drain');
  const { client, id, gate } = await midStream(t, lab, [up.chunk(DELTA), up.rst()]);
  client.destroy();
  await draining(lab);
  gate.open();
  t.match(await lab.fact(id), { ...NO_MORE, outputTokens: 1, costNanos: null });
  t.equal(await drained(lab, 'broken'), 1);
  await lab.check(t);
});

t.test('before an answer, in an upload, and for other providers, a departure cancels as ever', async t => {
  const lab = await startDrainLab(t, 'drain');
  const never: Step = () => new Promise(() => {});
  await t.test('before the head', async t => {
    lab.up.reply([never], { once: true });
    const client = await lab.connect(t);
    await client.send(
      requestBytes({ target: '/reader/v1/messages', fields: AS_TEAM, body: '{"model":"m"}' }),
    );
    const request = await lab.up.next();
    await request.wholeBody();
    client.destroy();
    await request.closed();
  });
  await t.test('an answer to half an upload', async t => {
    lab.up.reply([up.head(200, STREAM), up.chunk(START), never], { at: 'head', once: true });
    const client = await lab.connect(t);
    await client.send(
      requestBytes({
        target: '/reader/v1/messages',
        method: 'POST',
        fields: [...AS_TEAM, ['Content-Length', '1000000']],
      }),
    );
    await client.send(Buffer.alloc(100_000));
    await client.body(await client.expectHead()).atLeast(START.length);
    const request = await lab.up.next();
    client.destroy();
    await request.closed();
  });
  await t.test('another provider', async t => {
    const { client, id, request } = await midStream(t, lab, [never], 'other');
    client.destroy();
    await request.closed();
    t.match(await lab.fact(id), { ...NO_MORE, outputTokens: 1 });
  });
  t.equal(await drained(lab, 'whole'), 0);
  await lab.check(t);
});

t.test('a gateway that drains reads on for nobody', async t => {
  const lab = await startDrainLab(
    t,
    { drain: { ms: '10m' } },
    { usage: { journal: './journal' }, drain: { lameDuckMs: 0, drainMs: 60_000 } },
  );
  const { client, id, request } = await midStream(t, lab, []);
  client.destroy();
  await draining(lab);
  lab.weir.signal('SIGTERM');
  await request.closed();
  t.strictSame(await lab.weir.exited(), { code: 0, signal: null });
  const fact = lab.weir.journal('journal').facts.find(({ requestId }) => requestId === id);
  t.match(fact, { ...NO_MORE, inputTokens: 11 });
});

t.test('no more than a hundred at a time', async t => {
  const lab = await startDrainLab(t, 'drain');
  const left = [];
  for (let i = 0; i < 101; i++) left.push(await midStream(t, lab, [up.chunk(END), up.last()]));
  for (const { client } of left.slice(0, 100)) client.destroy();
  await draining(lab, 100);
  const over = left[100]!;
  over.client.destroy();
  await over.request.closed();
  t.match(await lab.fact(over.id), { ...NO_MORE, outputTokens: 1 });
  for (const { gate } of left) gate.open();
  const facts = await Promise.all(left.slice(0, 100).map(({ id }) => lab.fact(id)));
  t.ok(
    facts.every(({ outputTokens }) => outputTokens === 40),
    'all others are read to their end',
  );
  t.equal(await drained(lab, 'refused'), 1);
  t.equal(await drained(lab, 'whole'), 100);
});
