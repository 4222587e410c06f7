import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import { journalLine } from '../../lib/usage/journal-line.ts';
import { runMain } from '../cli/run-main.ts';
import { exchange } from '../client/index.ts';
import { startWeir } from '../process/index.ts';
import { factOf } from '../store/fact-text.ts';
import * as up from '../upstream/index.ts';
import { Receiver } from '../usage/webhook/receiver.ts';
import { AS_TEAM, CLIENT_KEY, type Lab, POOL_KEY, startLab } from './lab.ts';
import { samplesOf, total } from './prometheus.ts';

t.setTimeout(150_000);

const CHAT = '/openai/v1/chat/completions';
const HELD = '/openai/v1/responses';
const ENV = { HOOK_SECRET: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' };

interface Scene {
  readonly receiver: Receiver;
  readonly folder: string;
  start(): Promise<Lab>;
}

/** A folder in which gateways start that feed a webhook. */
async function scene(t: Test): Promise<Scene> {
  const receiver = await Receiver.start(t);
  const folder = mkdtempSync(join(tmpdir(), 'weir-sinks-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const webhooks = [{ name: 'audit', url: receiver.url, secret: 'env:HOOK_SECRET', batch: 10 }];
  const drain = { lameDuckMs: 0, drainMs: 1000 };
  const config = { ops: {}, drain, usage: { holdMs: 60_000, sinks: { webhooks } } };
  return {
    receiver,
    folder,
    start: async () => {
      const lab = await startLab(t, { config, weir: { cwd: folder, env: ENV } });
      lab.up.reply(up.respond(200, [], '{}'));
      return lab;
    },
  };
}

async function ask(lab: Lab, id: string): Promise<void> {
  const fields = [...AS_TEAM, ['X-Request-Id', id]] as const;
  const { status } = await lab.ask({ target: CHAT, fields, body: '{"model":"m"}' });
  if (status !== 200) throw new Error(`status ${status}`);
}

async function page(lab: Lab, target: string): Promise<string> {
  return String((await exchange(lab.weir.opsPort, { method: 'GET', target })).body);
}

async function metric(lab: Lab, name: string): Promise<number> {
  return total(samplesOf(await page(lab, '/metrics')), name);
}

/** The facts that came, of messages that were answered with 2xx or with anything. */
function factsOf({ posted }: Receiver): readonly Fact[] {
  return posted.flatMap(({ body }) => (JSON.parse(body) as { data: Fact[] }).data);
}

function requestsOf(receiver: Receiver): readonly (string | null)[] {
  return factsOf(receiver).map(({ requestId }) => requestId);
}

/** `weir usage check` on the folder's config. */
async function check(folder: string): Promise<{ readonly status: number; readonly stdout: string }> {
  return runMain(['usage', 'check', '--config', join(folder, 'weir.yaml')], {
    env: { ...ENV, TEST_POOL_KEY: POOL_KEY, TEST_CLIENT_KEY: CLIENT_KEY },
  });
}

t.test('a webhook that is away for a while, over a crash, gets every fact', async t => {
  const s = await scene(t);
  s.receiver.respond = response => response.writeHead(500).end();
  const first = await s.start();
  for (let i = 0; i < 25; i++) await ask(first, `a-${i}`);
  await first.weir.line(({ text }) => /Facts do not reach the webhook audit/.test(text), 'a word about it');
  const ready = JSON.parse(await page(first, '/readyz')) as object;
  t.match(ready, { status: 'degraded', reasons: [{ code: 'sink_failing' }] });
  t.ok((await metric(first, 'weir_sink_backlog_bytes')) > 0);
  t.ok((await metric(first, 'weir_sink_lag_seconds')) > 0);
  first.up.on('POST', '/v1/responses', [
    up.head(200, [['Transfer-Encoding', 'chunked']]),
    up.chunk('x'),
    up.gate(),
  ]);
  const cut = await first.connect(t);
  await cut.send(
    Buffer.from(
      `POST ${HELD} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${CLIENT_KEY}\r\nX-Request-Id: cut\r\nContent-Length: 13\r\n\r\n{"model":"m"}`,
    ),
  );
  await cut.expectHead();
  while (first.weir.journal().others.length < 26) await new Promise(resolve => setImmediate(resolve));
  await first.weir.stop('SIGKILL');

  s.receiver.posted.length = 0;
  s.receiver.respond = response => response.writeHead(204).end();
  const second = await s.start();
  await second.weir.line(
    ({ text }) => /1 exchanges had not ended and are on record as lost/.test(text),
    'what was lost',
  );
  await ask(second, 'b');
  const expected = ['cut', 'b', ...Array.from({ length: 25 }, (_, i) => `a-${i}`)];
  await s.receiver.changes.until(
    () => expected.every(id => requestsOf(s.receiver).includes(id)),
    'all facts',
  );
  t.equal(requestsOf(s.receiver).length, 27, 'none twice');
  t.equal(factsOf(s.receiver).find(({ requestId }) => requestId === 'cut')!.outcome, 'lost');
  t.equal(await metric(second, 'weir_lost_exchanges_total'), 1);
  t.equal(await metric(second, 'weir_sink_facts_total'), 27);
  t.notOk(second.weir.output.includes('whsec_'));
  await second.weir.stop();
  const { status, stdout } = await check(s.folder);
  t.equal(status, 0, stdout);
  t.match(stdout, /^ok {2}every fact is there once, and in the store$/m);
});

t.test(
  'two gateways of one name in one folder: ids are distinct, the store has all, a sink has each once',
  async t => {
    const s = await scene(t);
    const [one, two] = [await s.start(), await s.start()];
    for (let i = 0; i < 20; i++) await Promise.all([ask(one, `one-${i}`), ask(two, `two-${i}`)]);
    await s.receiver.changes.until(() => factsOf(s.receiver).length >= 40, 'all facts');
    const ids = factsOf(s.receiver).map(({ id }) => id);
    t.equal(ids.length, 40);
    t.equal(new Set(ids).size, 40);
    t.equal(new Set(ids.map(id => id.split(':')[0])).size, 1, 'one name');
    t.equal(new Set(ids.map(id => id.split(':')[1])).size, 2, 'two runs');
    await Promise.all([one.weir.stop(), two.weir.stop()]);
    const { status, stdout } = await check(s.folder);
    t.equal(status, 0, stdout);
    t.match(stdout, /^store {4}40 facts, 0 more not shipped yet/m);
    t.equal(requestsOf(s.receiver).length, 40, 'also after their end');
  },
);

t.test('a store that another process holds for a while slows nobody and loses nothing', async t => {
  const s = await scene(t);
  const lab = await s.start();
  await ask(lab, 'before');
  await s.receiver.changes.until(() => requestsOf(s.receiver).includes('before'), 'the first fact');
  const holder = await hold(t, join(s.folder, 'data/weir.db'));
  let slowestMs = 0;
  const isSaid = (): boolean => /Facts do not reach the store/.test(lab.weir.output);
  for (let i = 0; !isSaid() || i < 50; i++) {
    const askedMs = performance.now();
    await ask(lab, `during-${i}`);
    slowestMs = Math.max(slowestMs, performance.now() - askedMs);
  }
  t.comment(`the slowest answer took ${Math.round(slowestMs)} ms`);
  t.ok(slowestMs < 2000, 'a lock waits five seconds, and answers do not');
  t.match(JSON.parse(await page(lab, '/readyz')), {
    status: 'degraded',
    reasons: [{ code: 'store_failing' }],
  });
  t.strictSame(new Set(requestsOf(s.receiver)).size, requestsOf(s.receiver).length);
  await holder.release();
  await lab.weir.line(({ text }) => /takes facts again/.test(text), 'its return');
  await lab.weir.stop();
  const { status, stdout } = await check(s.folder);
  t.equal(status, 0, stdout);
  t.match(stdout, /, 0 more not shipped yet, 0 no longer in the journal$/m);
  const { facts } = lab.weir.journal();
  t.equal(new Set(requestsOf(s.receiver)).size, facts.length, 'the sink has them all');
});

t.test('a reload hands a sink over, and what everybody has read goes when it is old', async t => {
  const s = await scene(t);
  const old = join(s.folder, 'data/journal/box-00000000000000aa-0-0.ndjson');
  mkdirSync(join(s.folder, 'data/journal'), { recursive: true });
  writeFileSync(old, Array.from({ length: 30 }, (_, i) => journalLine(factOf(i + 1))).join(''));
  utimesSync(old, 1_000_000, 1_000_000);
  const first = await s.start();
  await s.receiver.changes.until(() => factsOf(s.receiver).length === 30, 'facts of before');
  const elsewhere = await Receiver.start(t);
  const file = join(s.folder, 'weir.yaml');
  const config = readFileSync(file, 'utf8').replace(s.receiver.url, elsewhere.url);
  writeFileSync(
    file,
    config
      .replace('"usage":{', '"usage":{"keepFor":"1h",')
      .replace('"usage": {', '"usage": {"keepFor":"1h",'),
  );
  first.weir.signal('SIGHUP');
  await first.weir.line(({ text }) => text.endsWith('was reloaded'), 'the reload');
  // What the old settings have under way they bring where it was meant to go.
  let asked = 0;
  while (elsewhere.posted.length === 0) await ask(first, `after-${asked++}`);
  await first.weir.stop();
  const all = [...factsOf(s.receiver), ...factsOf(elsewhere)].map(({ id }) => id);
  t.equal(new Set(all).size, 30 + asked, 'each went somewhere');
  t.equal(all.length, 30 + asked, 'and to one of the two');
  const second = await startWeir(t, {
    cwd: s.folder,
    args: ['serve', '--config', file],
    env: { ...ENV, TEST_POOL_KEY: POOL_KEY, TEST_CLIENT_KEY: CLIENT_KEY },
  });
  while (existsSync(old)) await new Promise(resolve => setImmediate(resolve));
  await second.stop();
  const { status, stdout } = await check(s.folder);
  t.equal(status, 0, stdout);
  const facts = `store    ${30 + asked} facts, 0 more not shipped yet, 30 no longer in the journal`;
  t.ok(stdout.split('\n').includes(facts), stdout);
});

t.test(
  'a reload hands sinks over while exchanges of before go on, and one that is gone gets nothing',
  async t => {
    const s = await scene(t);
    const lab = await s.start();
    lab.up.on('POST', '/v1/responses', [
      up.head(200, [['Transfer-Encoding', 'chunked']]),
      up.chunk('x'),
      up.gate(),
    ]);
    const long = await lab.connect(t);
    await long.send(
      Buffer.from(
        `POST ${HELD} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${CLIENT_KEY}\r\nContent-Length: 13\r\n\r\n{"model":"m"}`,
      ),
    );
    await long.expectHead();
    await ask(lab, 'before');
    await s.receiver.changes.until(() => requestsOf(s.receiver).includes('before'), 'the first fact');
    const file = join(s.folder, 'weir.yaml');
    const config = JSON.parse(readFileSync(file, 'utf8')) as { usage: { sinks: { webhooks: object[] } } };
    const elsewhere = await Receiver.start(t);
    const [webhook] = config.usage.sinks.webhooks;
    const reload = async (webhooks: object[]): Promise<void> => {
      const usage = { ...config.usage, sinks: { webhooks } };
      const count = lab.weir.lines.filter(({ text }) => text.endsWith('was reloaded')).length;
      writeFileSync(file, JSON.stringify({ ...config, usage }));
      lab.weir.signal('SIGHUP');
      const isSaid = (): boolean =>
        lab.weir.lines.filter(({ text }) => text.endsWith('was reloaded')).length > count;
      await lab.weir.changes.until(isSaid, 'the reload');
    };
    await reload([{ ...webhook, url: elsewhere.url }]);
    await ask(lab, 'after');
    await elsewhere.changes.until(() => requestsOf(elsewhere).includes('after'), 'the next fact');
    await reload([{ ...webhook, name: 'other', url: s.receiver.url }]);
    await ask(lab, 'last');
    await s.receiver.changes.until(() => requestsOf(s.receiver).includes('last'), 'the last fact');
    await lab.weir.stop();
    t.notOk(requestsOf(elsewhere).includes('last'), 'whoever is gone from the config gets nothing more');
    const got = requestsOf(s.receiver);
    t.equal(new Set(got).size, 4, 'a sink of another name gets all that the journal has, the cut one too');
  },
);

/** Another process that holds the write lock of a SQLite file. */
async function hold(t: Test, file: string): Promise<{ release(): Promise<void> }> {
  const program = `
    import { DatabaseSync } from 'node:sqlite';
    const database = new DatabaseSync(process.argv[2], { timeout: 10_000 });
    database.exec('BEGIN IMMEDIATE');
    process.stdout.write('held');
    process.stdin.on('data', () => { database.exec('ROLLBACK'); process.exit(0); });`;
  const path = join(t.testdir(), 'hold.mjs');
  writeFileSync(path, program);
  const child = spawn(process.execPath, [path, file], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return {
    release: async () => {
      const exit = once(child, 'exit');
      child.stdin.write('x');
      await exit;
    },
  };
}
