import { mkdtempSync, readdirSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { createGateway } from '../../lib/index.ts';
import { exchange, RawClient, type ResponseBody, readAnswer, requestBytes } from '../client/index.ts';
import { readJournal, startWeir, type WeirProcess } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';

type Sections = Readonly<Record<string, unknown>>;

const STREAM: Fields = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
];
/** Long enough that an end is never released before its fact is written. */
const HOLD_MS = 60_000;
/** More new connections than the process has closed files whose numbers they may take over. */
const BYSTANDERS = 8;

function configFor(provider: up.Upstream, sections: Sections): Sections {
  const lab = { origin: provider.origin, dialect: 'openai', auth: 'none' };
  return { listen: { port: 0 }, providers: { lab }, ...sections };
}

interface Served {
  readonly provider: up.Upstream;
  readonly weir: WeirProcess;
  /** Replaces the config and waits until it serves. */
  readonly reload: (sections: Sections) => Promise<void>;
}

async function start(t: Test, sections: Sections): Promise<Served> {
  const provider = await up.Upstream.start();
  t.teardown(() => provider.close());
  const weir = await startWeir(t, { config: configFor(provider, sections) });
  const reloads = (): number => weir.lines.filter(({ text }) => text.endsWith('was reloaded')).length;
  const reload = async (next: Sections): Promise<void> => {
    const before = reloads();
    writeFileSync(join(weir.folder, 'next'), JSON.stringify(configFor(provider, next)));
    renameSync(join(weir.folder, 'next'), join(weir.folder, 'weir.yaml'));
    weir.signal('SIGHUP');
    await weir.changes.until(() => reloads() > before, 'the reload');
  };
  return { provider, weir, reload };
}

/** A stream whose first event the client has, and whose rest waits for the gate. */
async function openStream(
  t: Test,
  { provider, weir }: Served,
): Promise<{ readonly body: ResponseBody; readonly gate: up.Gate }> {
  const gate = up.gate();
  const script = [up.head(200, STREAM), up.chunk('data: 1\n\n'), gate, up.chunk('data: 2\n\n'), up.last()];
  provider.on('GET', '/stream', script);
  const client = await RawClient.connect(weir.port);
  t.teardown(() => client.destroy());
  await client.send(requestBytes({ target: '/lab/stream', fields: [['X-Request-Id', 'stream']] }));
  const body = client.body(await client.expectHead(), 'GET');
  await body.atLeast(9);
  return { body, gate };
}

/** Returns after two of the gateway's ticks: in a config of `totalMs: 1` an exchange ends with the next one. */
async function twoTicks({ provider, weir }: Served): Promise<void> {
  provider.on('GET', '/never', () => new Promise(() => {}));
  for (let i = 0; i < 2; i++) {
    const answer = await exchange(weir.port, { target: '/lab/never' });
    if (answer.status !== 504) throw new Error(`a tick was to end this with 504, not ${answer.status}`);
  }
}

async function bystanders(t: Test, port: number): Promise<readonly RawClient[]> {
  const clients: RawClient[] = [];
  for (let i = 0; i < BYSTANDERS; i++) {
    const client = await RawClient.connect(port);
    t.teardown(() => client.destroy());
    clients.push(client);
    await expectHealth(t, client);
  }
  return clients;
}

/** The next bytes on the connection are those of this answer, and no others. */
async function expectHealth(t: Test, client: RawClient): Promise<void> {
  await client.send(requestBytes({ target: '/health' }));
  const answer = await readAnswer(client, 'GET');
  t.match(answer, { status: 200, ending: 'complete' });
  t.equal(String(answer.body), '{"status":"ok"}\n');
}

function paths(folder: string): readonly (string | null)[] {
  return readJournal(folder).facts.map(({ path }) => path);
}

t.test(
  'a stream that two reloads overtake ends whole, and its fact is in the journal it began with',
  async t => {
    const usage = { journal: './one', holdMs: HOLD_MS };
    const served = await start(t, { usage });
    const { weir, reload } = served;
    const { body, gate } = await openStream(t, served);
    await reload({ usage, limits: { bodyBytes: 1_000_000 } });
    const timeouts = { totalMs: 1 };
    await reload({ usage: { ...usage, journal: './two' }, limits: { bodyBytes: 1_000_000 }, timeouts });
    await twoTicks(served);
    const others = await bystanders(t, weir.port);
    gate.open();
    t.equal(String(await body.all()), 'data: 2\n\n');
    t.equal(body.ending, 'complete');
    const one = readJournal(join(weir.folder, 'one'));
    t.match(one.facts, [{ path: '/lab/stream', requestId: 'stream', outcome: 'complete' }]);
    for (const other of others) await expectHealth(t, other);
    t.same(await weir.stop('SIGINT'), { code: 0, signal: null });
    t.same(paths(join(weir.folder, 'one')), ['/lab/stream']);
    t.same(paths(join(weir.folder, 'two')), ['/lab/never', '/lab/never']);
    t.notMatch(weir.output, /EBADF|uncaught|unhandled|internal error/i);
  },
);

for (const change of [{ holdMs: HOLD_MS - 1 }, { fsync: 'batch' }, { onFull: 'refuse' }]) {
  t.test(`a reload that changes ${JSON.stringify(change)} keeps the folder and its facts`, async t => {
    const usage = { journal: './kept', holdMs: HOLD_MS };
    const served = await start(t, { usage });
    const { provider, weir, reload } = served;
    const folder = join(weir.folder, 'kept');
    provider.reply(up.respond(200, [], 'ok'));
    t.equal((await exchange(weir.port, { target: '/lab/before' })).status, 200);
    const { body, gate } = await openStream(t, served);
    await reload({ usage: { ...usage, ...change } });
    t.equal((await exchange(weir.port, { target: '/lab/after' })).status, 200);
    const [first, second] = readdirSync(folder).sort();
    t.match(first, /-0-0\.ndjson$/);
    t.match(second, /-0-1\.ndjson$/, 'a segment of its own');
    gate.open();
    t.equal(String(await body.all()), 'data: 2\n\n');
    t.equal(body.ending, 'complete');
    const { facts, bad, segments } = readJournal(folder);
    t.equal(segments.length, 2);
    t.same(
      facts.map(({ path }) => path),
      ['/lab/before', '/lab/stream', '/lab/after'],
      'by segment: the stream’s is in the one it began with',
    );
    t.same(bad, []);
  });
}

/** The names of the files below `folder` that this process has open; none where the platform does not tell. */
function openFiles(folder: string): readonly string[] {
  try {
    return readdirSync('/proc/self/fd').flatMap(fd => {
      try {
        const path = readlinkSync(`/proc/self/fd/${fd}`);
        return path.startsWith(folder) ? [path] : [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

t.test('reloads asked for together apply one after the other', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-reload-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [first, second] = [await up.Upstream.start(), await up.Upstream.start()];
  t.teardown(() => Promise.all([first.close(), second.close()]));
  first.reply(up.respond(200, [], 'first'));
  second.reply(up.respond(200, [], 'second'));
  const usage = (name: string) => ({ usage: { journal: join(folder, name), holdMs: HOLD_MS } });
  const gateway = await createGateway(configFor(first, usage('zero')));
  t.teardown(() => gateway.close({ lameDuckMs: 0, drainMs: 0 }));
  const { url } = await gateway.listen();
  const port = Number(new URL(url).port);
  // The demo provider opens a port of its own: a build that takes longer than the one after it.
  const slow = configFor(first, usage('one')) as { providers: object };
  const results = await Promise.all([
    gateway.reload({ ...slow, providers: { ...slow.providers, demo: {} } }),
    gateway.reload(configFor(second, usage('two'))),
  ]);
  t.match(results, [{ ok: true }, { ok: true }]);
  t.equal(String((await exchange(port, { target: '/lab/x' })).body), 'second', 'the last one serves');
  t.equal((await exchange(port, { target: '/demo/v1/models' })).status, 404, 'nothing of the one before');
  t.same(paths(join(folder, 'one')), []);
  t.equal(paths(join(folder, 'two'))[0], '/lab/x');
  await gateway.close({ lameDuckMs: 0, drainMs: 1000 });
  t.same(openFiles(folder), [], 'every journal is closed');
});
