import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createGateway, type Fact, type Gateway, type Warning } from '../../lib/index.ts';
import { exchange, RawClient, readAnswer, requestBytes } from '../client/index.ts';
import { within } from '../deadline/index.ts';
import { readJournal, startWeir } from '../process/index.ts';
import * as up from '../upstream/index.ts';

type Sections = Readonly<Record<string, unknown>>;

interface Served {
  readonly gateway: Gateway;
  readonly provider: up.Upstream;
  readonly config: Sections;
  readonly port: number;
}

/** A gateway that listens, in front of a scripted provider that answers `ok`. */
async function serve(t: Test, sections: Sections = {}): Promise<Served> {
  const provider = await up.Upstream.start();
  t.teardown(() => provider.close());
  provider.reply(up.chunked(200, [], ['ok']));
  const lab = { origin: provider.origin, dialect: 'openai', auth: 'none' };
  const config = { listen: { port: 0 }, providers: { lab }, ...sections };
  const gateway = await createGateway(config);
  t.teardown(() => {
    gateway.closeNow();
    return gateway.close({ lameDuckMs: 0, drainMs: 0 });
  });
  const { url } = await gateway.listen();
  return { gateway, provider, config, port: Number(new URL(url).port) };
}

function folderFor(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'weir-close-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A request that the provider holds: the client to read its answer from, and the gate. */
async function holdRequest({ provider, port }: Served, t: Test) {
  const gate = up.gate();
  provider.on('GET', '/held', [gate, ...up.respond(200, [], 'held')]);
  const client = await RawClient.connect(port);
  t.teardown(() => client.destroy());
  await client.send(requestBytes({ target: '/lab/held' }));
  await gate.reached;
  return { client, gate };
}

t.test('a fact listener that throws keeps no client waiting, and is told as a warning', async t => {
  for (const usage of [
    undefined,
    { journal: join(folderFor(t), 'journal'), store: 'none', holdMs: 60_000 },
  ]) {
    const { gateway, port } = await serve(t, usage === undefined ? {} : { usage });
    const warnings: Warning[] = [];
    gateway.on('warning', warning => warnings.push(warning));
    gateway.on('fact', () => {
      throw new Error('a fault of the host');
    });
    for (const target of ['/lab/a', '/lab/b', '/nobody/c']) {
      const answer = await exchange(port, { target });
      t.equal(answer.status, target === '/nobody/c' ? 404 : 200);
      t.equal(answer.ending, 'complete');
    }
    t.match(warnings, Array(3).fill({ code: 'internal', message: /a fault of the host/ }));
    t.equal(warnings.length, 3);
    await gateway.close({ lameDuckMs: 0, drainMs: 1000 });
    if (usage === undefined) continue;
    const recorded = readJournal(usage.journal).facts.map(({ path }) => path);
    t.same(recorded, ['/lab/a', '/lab/b', '/nobody/c'], 'the journal has them all the same');
  }
});

t.test('two calls of close end together, and a third says nothing new', async t => {
  const journal = join(folderFor(t), 'journal');
  const served = await serve(t, { usage: { journal, store: 'none' } });
  const { gateway } = served;
  const { client, gate } = await holdRequest(served, t);
  const times = { lameDuckMs: 0, drainMs: 60_000 };
  const closing = [gateway.close(times), gateway.close(times)];
  gate.open();
  t.equal(String((await readAnswer(client, 'GET')).body), 'held', 'what ran was let end');
  await t.resolves(within(Promise.all(closing), 'both to resolve'));
  await t.resolves(gateway.close());
  t.match(readJournal(journal).facts, [{ path: '/lab/held', outcome: 'complete' }]);
});

t.test('a gateway listens once', async t => {
  const { gateway, port } = await serve(t);
  await t.rejects(gateway.listen(), { message: /listens already/ });
  t.equal((await exchange(port, { target: '/lab/x' })).status, 200, 'the first one serves on');
  await gateway.close({ lameDuckMs: 0, drainMs: 1000 });
  await t.rejects(RawClient.connect(port), { code: 'ECONNREFUSED' }, 'and close ends it');
  await t.rejects(gateway.listen(), { message: /closed/ }, 'nor does a closed one');
});

t.test('closeNow ends a lame duck, and cuts what runs', async t => {
  const served = await serve(t);
  const { gateway, port } = served;
  const facts: Fact[] = [];
  gateway.on('fact', fact => facts.push(fact));
  const { client } = await holdRequest(served, t);
  const closed = gateway.close({ lameDuckMs: 3_600_000, drainMs: 3_600_000 });
  t.equal((await exchange(port, { target: '/health' })).status, 200, 'the duck still swims');
  gateway.closeNow();
  await within(closed, 'close to end');
  t.match(facts, [{ path: '/lab/held', outcome: 'drainCut' }]);
  t.equal(await client.readHead(), null);
  await t.rejects(RawClient.connect(port), { code: 'ECONNREFUSED' });
});

t.test('a reload after close is refused and opens nothing', async t => {
  const journal = join(folderFor(t), 'journal');
  const { gateway, config } = await serve(t);
  await gateway.close({ lameDuckMs: 0, drainMs: 0 });
  const result = await gateway.reload({ ...config, usage: { journal, store: 'none' } });
  t.match(result, { ok: false, problems: [{ message: /clos/ }] });
  t.equal(existsSync(journal), false);
});

t.test('a reload whose journal cannot be opened is refused, and the settings before it serve', async t => {
  const { gateway, config, port } = await serve(t);
  const file = join(folderFor(t), 'file');
  writeFileSync(file, '');
  const result = await gateway.reload({
    ...config,
    limits: { inflight: 50 },
    usage: { journal: join(file, 'x'), store: 'none' },
  });
  t.match(result, { ok: false, problems: [{ message: /ENOTDIR|EEXIST/ }] });
  t.equal((await exchange(port, { target: '/lab/x' })).status, 200);
  t.match(await gateway.reload({ ...config, limits: { inflight: 50 } }), { ok: true });
  t.equal((await exchange(port, { target: '/lab/x' })).status, 200);
});

t.test('pages of Weir’s own carry the request id, and while it drains every answer closes', async t => {
  const { gateway, port } = await serve(t);
  const pages = [
    ['GET', '/health'],
    ['HEAD', '/health'],
    ['GET', '/'],
    ['HEAD', '/'],
    ['HEAD', '/api/hello'],
    ['HEAD', '/lab'],
    ['HEAD', '/lab/api/hello'],
  ] as const;
  const check = async (connection: RegExp): Promise<void> => {
    for (const [method, target] of pages) {
      const answer = await exchange(port, { method, target, fields: [['X-Request-Id', 'mine-1']] });
      t.equal(answer.status, 200, `${method} ${target}`);
      t.match(answer.head.value('connection'), connection);
      t.equal(answer.head.value('x-weir-request-id'), 'mine-1');
      const other = await exchange(port, { method, target });
      t.match(other.head.value('x-weir-request-id'), /^[\x21-\x7e]+$/, 'one of ours without it');
    }
  };
  await check(/^keep-alive$/);
  const closed = gateway.close({ lameDuckMs: 3_600_000, drainMs: 0 });
  await check(/^close$/);
  for (const [target, status] of [
    ['/lab/x', 200],
    ['/nobody/x', 404],
  ] as const) {
    const answer = await exchange(port, { target });
    t.equal(answer.status, status);
    t.equal(answer.head.value('connection'), 'close');
  }
  gateway.closeNow();
  await closed;
});

/** Waits until the provider’s answer stands still over many whole exchanges of another connection. */
async function standstill(request: up.RecordedRequest, other: RawClient): Promise<void> {
  for (let before = -1; before !== request.answerBytes; ) {
    before = request.answerBytes;
    for (let i = 0; i < 200; i++) await exchange(other, { target: '/health' });
  }
}

const certificate = up.selfSigned();

t.test(
  'a half-close over TLS behind backpressure cancels upstream',
  { skip: certificate === null && 'the openssl program is not here' },
  async t => {
    const folder = folderFor(t);
    writeFileSync(join(folder, 'cert.pem'), certificate!.cert);
    writeFileSync(join(folder, 'key.pem'), certificate!.key, { mode: 0o600 });
    const provider = await up.Upstream.start();
    t.teardown(() => provider.close());
    const flood = Array.from({ length: 4096 }, () => up.chunk(Buffer.alloc(65_536)));
    provider.reply([up.head(200, [['Transfer-Encoding', 'chunked']]), ...flood]);
    const tls = { cert: `file:${join(folder, 'cert.pem')}`, key: `file:${join(folder, 'key.pem')}` };
    const lab = { origin: provider.origin, dialect: 'openai', auth: 'none' };
    const weir = await startWeir(t, { config: { listen: { tls }, providers: { lab } } });
    const client = await RawClient.connect({ tlsPort: weir.port });
    t.teardown(() => client.destroy());
    await client.send(requestBytes({ target: '/lab/flood' }));
    await client.body(await client.expectHead(), 'GET').atLeast(65_536);
    client.pauseReading();
    const request = await provider.next();
    const other = await RawClient.connect({ tlsPort: weir.port });
    t.teardown(() => other.destroy());
    await standstill(request, other);
    client.end();
    await request.closed();
    t.match(await weir.factCount(1), [{ outcome: 'clientAborted', status: 200 }]);
    t.ok(request.answerBytes < 4096 * 65_536, 'the provider was stopped in the middle');
  },
);
