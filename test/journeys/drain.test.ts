import t, { type Test } from 'tap';
import { RawClient, type ResponseBody, requestBytes } from '../client/index.ts';
import { within } from '../deadline/index.ts';
import { readJournal } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import type { Gate } from '../upstream/index.ts';
import * as up from '../upstream/index.ts';
import { type Lab, startLab } from './lab.ts';

const STREAM_FIELDS: Fields = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
];

interface LiveStream {
  readonly client: RawClient;
  readonly body: ResponseBody;
  readonly id: string;
  readonly gate: Gate;
}

/** A stream whose first event the client has, and whose rest waits for the gate. */
async function liveStream(t: Test, lab: Lab): Promise<LiveStream> {
  const gate = up.gate();
  lab.up.reply(
    [up.head(200, STREAM_FIELDS), up.chunk('data: 1\n\n'), gate, up.chunk('data: 2\n\n'), up.last()],
    { once: true },
  );
  const client = await lab.connect(t);
  const { id, field } = lab.tag();
  await client.send(requestBytes({ target: '/lab/stream', fields: [field] }));
  const body = client.body(await client.expectHead(), 'GET');
  await body.atLeast(9);
  return { client, body, id, gate };
}

/** Resolves when the gateway has said that it drains. */
async function draining(lab: Lab): Promise<void> {
  await lab.weir.line(({ text }) => /drain/i.test(text), 'that it drains');
}

t.test(
  'SIGTERM: streams end whole, new requests are served until the duck is dead, then it leaves with 0',
  async t => {
    const lab = await startLab(t, { config: { drain: { lameDuckMs: 1500, drainMs: 20_000 } } });
    lab.up.reply(up.respond(200, [], 'new'));
    const idle = await lab.connect(t);
    await idle.send(requestBytes({ target: '/lab/x' }));
    await idle.body(await idle.expectHead(), 'GET').all();
    const streams = [];
    for (let i = 0; i < 5; i++) streams.push(await liveStream(t, lab));
    lab.weir.signal('SIGTERM');
    await draining(lab);
    const during = await lab.ask({ target: '/lab/x' });
    t.equal(during.status, 200, 'the listener is still open');
    t.equal(during.head.value('connection'), 'close');
    const refused = await lab.ask({ target: '/nobody/x' });
    t.equal(refused.status, 404);
    t.equal(refused.head.value('connection'), 'close');
    await within(idle.ended(), 'the idle connection to be closed');
    t.equal(lab.weir.exit, null, 'streams keep it alive');
    await t.rejects(untilRefused(lab.port), { code: 'ECONNREFUSED' }, 'the listener closes');
    for (const { gate } of streams) gate.open();
    for (const { body, id } of streams) {
      t.equal(String(await body.all()), 'data: 2\n\n');
      t.equal(body.ending, 'complete');
      t.equal((await lab.fact(id)).outcome, 'complete');
    }
    t.same(await lab.weir.exited(), { code: 0, signal: null });
  },
);

/** Connects until that is refused. What waits in a closing listener's queue is reset by the kernel first. */
async function untilRefused(port: number): Promise<never> {
  for (;;) {
    try {
      (await RawClient.connect(port)).destroy();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ECONNRESET') throw error;
    }
  }
}

t.test('what is still running at the end of the drain is cut, and its fact says so', async t => {
  const lab = await startLab(t, { config: { drain: { lameDuckMs: 0, drainMs: 300 }, usage: {} } });
  const stream = await liveStream(t, lab);
  lab.weir.signal('SIGTERM');
  t.equal(String(await stream.body.all()), '');
  t.not(stream.body.ending, 'complete', 'never a clean end');
  t.same(await lab.weir.exited(), { code: 0, signal: null });
  await stream.client.ended();
  const [request] = lab.up.requests;
  await request!.closed();
  const journal = readJournal(`${lab.weir.folder}/data/journal`);
  t.same(
    journal.facts.map(({ requestId, outcome }) => [requestId, outcome]),
    [[stream.id, 'drainCut']],
  );
  t.same(journal.bad, []);
});

t.test('a second signal ends at once', async t => {
  for (const first of ['SIGTERM', 'SIGINT'] as const) {
    const lab = await startLab(t, { config: { drain: { lameDuckMs: 60_000, drainMs: 60_000 } } });
    const stream = await liveStream(t, lab);
    lab.weir.signal(first);
    await draining(lab);
    lab.weir.signal('SIGTERM');
    await stream.body.all();
    t.not(stream.body.ending, 'complete');
    await lab.weir.exited();
    t.equal((await lab.fact(stream.id)).outcome, 'drainCut', first);
  }
});

t.test('SIGINT has no lame duck: the listener closes at once', async t => {
  const lab = await startLab(t, { config: { drain: { lameDuckMs: 60_000, drainMs: 60_000 } } });
  const stream = await liveStream(t, lab);
  lab.weir.signal('SIGINT');
  await t.rejects(untilRefused(lab.port), { code: 'ECONNREFUSED' });
  stream.gate.open();
  t.equal(String(await stream.body.all()), 'data: 2\n\n');
  t.equal(stream.body.ending, 'complete');
  t.same(await lab.weir.exited(), { code: 0, signal: null });
});

t.test('a drain with nothing running ends soon', async t => {
  const lab = await startLab(t, { config: { drain: { lameDuckMs: 0, drainMs: 60_000 } } });
  lab.up.reply(up.respond(200, [], 'ok'));
  t.equal((await lab.ask({ target: '/lab/x' })).status, 200);
  t.same(await lab.weir.stop('SIGTERM'), { code: 0, signal: null });
});

t.test('an upload under way when the drain begins is finished', async t => {
  const lab = await startLab(t, { config: { drain: { lameDuckMs: 0, drainMs: 20_000 } } });
  lab.up.reply(up.respond(200, [], 'took it'));
  const client = await lab.connect(t);
  await client.send(
    requestBytes({ target: '/lab/x', method: 'POST', fields: [['Content-Length', '200000']] }),
  );
  await client.send(Buffer.alloc(100_000));
  const request = await lab.up.next();
  lab.weir.signal('SIGTERM');
  await draining(lab);
  await client.send(Buffer.alloc(100_000));
  const head = await client.expectHead();
  t.equal(head.status, 200);
  t.equal(head.value('connection'), 'close');
  t.equal(String(await client.body(head).all()), 'took it');
  t.equal(request.bodyBytes, 200_000);
  t.same(await lab.weir.exited(), { code: 0, signal: null });
});

t.test('health answers without providers, without a credential and without a fact', async t => {
  const closed = await up.closedPort();
  const lab = await startLab(t, {
    config: {
      providers: { openai: { origin: `http://127.0.0.1:${closed}`, keys: ['env:TEST_POOL_KEY'] } },
      auth: { staticKeys: [{ id: 'k', key: 'env:TEST_CLIENT_KEY' }] },
    },
  });
  for (const method of ['GET', 'HEAD']) {
    const answer = await lab.ask({ target: '/health', method });
    t.equal(answer.status, 200);
    t.equal(answer.body.length > 0, method === 'GET');
    const home = await lab.ask({ target: '/', method });
    t.equal(home.status, 200);
  }
  for (const target of ['/openai', '/openai/', '/openai/api/hello', '/api/hello']) {
    const answer = await lab.ask({ target, method: 'HEAD' });
    t.equal(answer.status, 200, target);
    t.equal(answer.body.length, 0);
  }
  const { fact } = await lab.askForFact({ target: '/nobody/x' });
  t.equal(fact.errorCode, 'unknown_provider');
  t.notOk(
    lab.weir.facts.some(({ path }) => path === '/health' || path === '/'),
    'own pages settle no fact',
  );
});
