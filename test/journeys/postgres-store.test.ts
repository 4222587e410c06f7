import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import type { Fact } from '../../lib/pipeline/index.ts';
import { runMain } from '../cli/run-main.ts';
import { within } from '../deadline/index.ts';
import { FaultProxy, PASSWORD, PostgresServer, postgresMissing } from '../postgres/index.ts';
import { startWeir } from '../process/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, CLIENT_KEY, type Lab, POOL_KEY, startLab } from './lab.ts';

const skip = postgresMissing();
if (skip !== false) {
  t.plan(0, skip);
  process.exit(0);
}
t.setTimeout(120_000);
const server = await PostgresServer.start(t);
const CHAT = '/openai/v1/chat/completions';
const ANSWER = JSON.stringify({ model: 'm-1', usage: { prompt_tokens: 7, completion_tokens: 3 } });

async function start(t: Test, url: string, usage: object = {}): Promise<Lab> {
  const lab = await startLab(t, {
    config: { usage: { store: 'env:STORE_URL', ...usage }, ops: {}, drain: { lameDuckMs: 0 } },
    weir: { env: { STORE_URL: url } },
  });
  lab.up.reply(up.respond(200, [['Content-Type', 'application/json']], ANSWER));
  return lab;
}

async function ask(lab: Lab, count: number): Promise<void> {
  for (let n = 0; n < count; n++) {
    const { status } = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"model":"m"}' });
    if (status !== 200) throw new Error(`status ${status}`);
  }
}

async function storedIds(database: string): Promise<string[]> {
  const rows = await server.sql(database, 'SELECT id FROM weir.facts ORDER BY number');
  return rows.map(({ id }) => String(id));
}

async function stopped(lab: Lab): Promise<readonly Fact[]> {
  const { code } = await within(lab.weir.stop(), 'the end', 60_000);
  if (code !== 0) throw new Error(`exit ${code}`);
  return lab.weir.journal().facts;
}

function ids(facts: readonly Fact[]): string[] {
  return facts.map(({ id }) => id).sort();
}

const FAILING = 'Facts do not reach the store';
const RECOVERED = 'takes facts again';

/** Waits until the gateway has said something so many times. */
async function said(lab: Lab, words: string, times: number): Promise<void> {
  const count = (): number => lab.weir.lines.filter(({ text }) => text.includes(words)).length;
  await lab.weir.changes.until(() => count() >= times, `${times} times: ${words}`);
}

t.test('a server that crashes twice under a running gateway has every fact in the end', async t => {
  const database = await server.database();
  const lab = await start(t, server.url(database));
  await ask(lab, 5);
  for (let crash = 1; crash <= 2; crash++) {
    await server.crash();
    await ask(lab, 5);
    await said(lab, FAILING, crash);
    const ready = await fetch(`http://127.0.0.1:${lab.weir.opsPort}/readyz`);
    t.equal(ready.status, 200, 'traffic goes on');
    t.match(await ready.text(), 'store_failing');
    await server.restart();
    await ask(lab, 5);
    await said(lab, RECOVERED, crash);
  }
  const facts = await stopped(lab);
  t.equal(facts.length, 25);
  t.strictSame((await storedIds(database)).sort(), ids(facts));
  t.notOk(lab.weir.output.includes(PASSWORD) || lab.weir.output.includes(encodeURIComponent(PASSWORD)));
});

t.test('a server that was absent at the start, and answers to COMMIT that get lost', async t => {
  const database = await server.database();
  const proxy = await FaultProxy.lay(t, server.port);
  proxy.refused = true;
  const lab = await start(t, server.url(database, proxy.port));
  await ask(lab, 3);
  await said(lab, FAILING, 1);
  proxy.cutAfterCommit = 3;
  proxy.refused = false;
  await said(lab, RECOVERED, 1);
  await ask(lab, 3);
  const facts = await stopped(lab);
  t.equal(proxy.cuts, 3);
  t.equal(facts.length, 6);
  t.strictSame((await storedIds(database)).sort(), ids(facts));
});

t.test('several gateways share one store, and the command line reads it', async t => {
  const database = await server.database();
  const url = server.url(database);
  const labs = await Promise.all([start(t, url), start(t, url), start(t, url, { journal: 'none' })]);
  await Promise.all(labs.map(lab => ask(lab, 10)));
  const config = join(labs[0]!.weir.folder, 'weir.yaml');
  const env = { STORE_URL: url, TEST_POOL_KEY: POOL_KEY, TEST_CLIENT_KEY: CLIENT_KEY };
  await Promise.all(labs.map(lab => within(lab.weir.stop(), 'the end', 60_000)));
  const summary = await runMain(['usage', 'summary', '-c', config, '--by', 'subject,model', '--json'], {
    env,
  });
  t.equal(summary.status, 0, summary.stderr);
  t.hasStrict(JSON.parse(summary.stdout), {
    rows: [{ group: { subject: 'team', model: 'm-1' }, requests: 30, inputTokens: 210, outputTokens: 90 }],
  });
  const exported = await runMain(['usage', 'export', '-c', config, '--format', 'ndjson'], { env });
  t.equal(exported.status, 0, exported.stderr);
  const found = exported.stdout
    .trimEnd()
    .split('\n')
    .map(line => (JSON.parse(line) as Fact).id);
  t.equal(new Set(found).size, 30);
  t.strictSame(found.toSorted(), (await storedIds(database)).toSorted());
  const explained = await runMain(['check', '-c', config, '--explain'], { env });
  t.match(explained.stdout, `summed up in postgres://127.0.0.1:${server.port}/${database}\n`);
  const away = await runMain(['usage', 'summary', '-c', config], {
    env: { ...env, STORE_URL: `postgres://weir:${encodeURIComponent(PASSWORD)}@127.0.0.1:1/${database}` },
  });
  t.equal(away.status, 1);
  t.match(away.stderr, 'ECONNREFUSED');
  const printed = [summary, exported, explained, away].map(({ stdout, stderr }) => stdout + stderr).join();
  for (const text of [printed, ...labs.map(({ weir }) => weir.output)])
    t.notOk(text.includes(PASSWORD) || text.includes(encodeURIComponent(PASSWORD)), 'no password');
  for (const { weir } of labs) {
    const files = readdirSync(weir.folder, { recursive: true, withFileTypes: true });
    const kept = files.filter(file => file.isFile() && file.name.endsWith('.ndjson'));
    for (const { parentPath, name } of kept)
      t.notOk(readFileSync(join(parentPath, name), 'utf8').includes('CANARY/91c4'), name);
  }
});

t.test('a command ends by itself once it has its answer', async t => {
  const database = await server.database();
  const lab = await start(t, server.url(database));
  await ask(lab, 1);
  await stopped(lab);
  const command = await startWeir(t, {
    args: ['usage', 'summary'],
    config: { usage: { store: 'env:STORE_URL' } },
    env: { STORE_URL: server.url(database) },
    waitForAddress: false,
  });
  t.strictSame(await command.exited(), { code: 0, signal: null });
  t.match(command.stdout, /team +m-1 +1 /);
});
