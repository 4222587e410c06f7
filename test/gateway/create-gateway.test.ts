import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, resolve } from 'node:path';
import t, { type Test } from 'tap';
import { ConfigError, createGateway, type Fact, type Gateway, Secret } from '../../lib/index.ts';

const root = resolve(import.meta.dirname, '../..');
const QUESTION = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ model: 'demo', messages: [{ role: 'user', content: 'hi' }] }),
};

async function serve(t: Test, gateway: Gateway): Promise<string> {
  const server: Server = createServer(gateway.handler);
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

t.test('a handler in somebody’s server: answers, facts, close', async t => {
  const gateway = await createGateway({ providers: { demo: {} } });
  const facts: Fact[] = [];
  gateway.on('fact', fact => facts.push(fact));
  const url = await serve(t, gateway);
  const answer = await fetch(`${url}/demo/v1/chat/completions`, QUESTION);
  t.equal(answer.status, 200);
  t.match(await answer.json(), { object: 'chat.completion' });
  t.match(facts, [
    { provider: 'demo', dialect: 'openai-chat', outcome: 'complete', usageSource: 'provider' },
  ]);
  const running = await fetch(`${url}/demo/v1/chat/completions`, {
    ...QUESTION,
    body: JSON.stringify({ model: 'demo', stream: true, messages: [] }),
  });
  const closed = gateway.close({ drainMs: 60_000 });
  t.match(await running.text(), /\[DONE\]/, 'close waits for what runs');
  await closed;
  await gateway.close();
});

t.test('listen, reload and a refused reload', async t => {
  const gateway = await createGateway({ listen: { port: 0 }, providers: { demo: {} } });
  t.teardown(() => gateway.close({ lameDuckMs: 0 }));
  const { url } = await gateway.listen();
  t.equal((await fetch(`${url}/lab/x`)).status, 404);
  const lab = { lab: { origin: 'http://127.0.0.1:9', dialect: 'anthropic', auth: 'none' } };
  t.match(await gateway.reload({ listen: { port: 0 }, providers: { demo: {}, ...lab } }), { ok: true });
  const unreachable = await fetch(`${url}/lab/v1/messages`, { method: 'POST', body: '{}' });
  t.equal(unreachable.status, 502);
  t.match(await unreachable.json(), { type: 'error', error: { type: 'api_error' } });
  const refused = await gateway.reload({ listen: { port: 0 }, providers: { dmeo: {} } });
  t.equal(refused.ok, false);
  t.equal((await fetch(`${url}/lab/v1/messages`, { method: 'POST', body: '{}' })).status, 502);
});

t.test('a config that is not valid rejects with its problems, and shows no secret', async t => {
  const bad = { listen: { prot: 1 }, auth: { staticKeys: [{ id: 'a', key: 'sk-canary-literal' }] } };
  try {
    await createGateway(bad);
    t.fail('it must reject');
  } catch (error) {
    t.type(error, ConfigError);
    const { problems, message } = error as ConfigError;
    t.match(
      problems.find(({ path }) => path === 'listen.prot'),
      { suggestion: 'port' },
    );
    t.ok(problems.some(({ path }) => path === 'auth.staticKeys[0].key'));
    t.notOk(JSON.stringify(problems).includes('canary') || message.includes('canary'));
  }
});

t.test('a Secret may stand for a reference', async t => {
  const gateway = await createGateway({
    providers: { demo: {} },
    auth: { staticKeys: [{ id: 'a', key: new Secret('client-key-1') }] },
  });
  t.teardown(() => gateway.close());
  const url = await serve(t, gateway);
  t.equal((await fetch(`${url}/demo/v1/models`)).status, 401);
  const headers = { authorization: 'Bearer client-key-1' };
  t.equal((await fetch(`${url}/demo/v1/models`, { headers })).status, 200);
});

t.test('the example of the docs runs', async t => {
  const pinned = join(root, 'node_modules/.bin/node');
  const node = existsSync(pinned) ? pinned : process.execPath;
  const args = ['--conditions=checkout', 'docs/examples/embed.ts', '0'];
  const child = spawn(node, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const said = (pattern: RegExp): Promise<string> =>
    new Promise(done => {
      const look = (): void => {
        const found = pattern.exec(output);
        if (found !== null) done(found[0]);
      };
      child.stdout.on('data', look);
      look();
    });
  child.stdout.on('data', chunk => {
    output += chunk;
  });
  const url = await said(/http:\/\/127\.0\.0\.1:\d+/);
  t.equal(await (await fetch(`${url}/hello`)).text(), 'a route of this service\n');
  t.equal((await fetch(`${url}/demo/v1/chat/completions`, QUESTION)).status, 200);
  t.match(await said(/demo demo: \d+ in, \d+ out/), /demo/);
  child.kill('SIGTERM');
  const [code] = (await once(child, 'exit')) as [number | null];
  t.equal(code, 0);
});
