import { readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import t from 'tap';
import { SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { startWeir, type WeirProcess } from '../process/index.ts';
import { startMain } from './run-main.ts';

const DEMO = { providers: { demo: {} } };

/** The test for "is there": a free port, so that a config without a file is not needed. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

/** Starts a stream of the demo and gives its reader after the first bytes. */
async function openStream(weir: WeirProcess): Promise<ReadableStreamDefaultReader<Uint8Array>> {
  const response = await fetch(`${weir.origin}/demo/v1/chat/completions`, {
    method: 'POST',
    body: '{"model":"demo","stream":true,"messages":[]}',
  });
  const reader = response.body!.getReader();
  await reader.read();
  return reader;
}

async function restOf(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
}

const said = (weir: WeirProcess, words: RegExp) => weir.line(({ text }) => words.test(text), String(words));

t.test('what it prints works: the address, and every command to try', async t => {
  const weir = await startWeir(t, { config: DEMO });
  await said(weir, /Ctrl-C/);
  const lines = weir.stdout.split('\n');
  t.equal(lines[0], `Weir listens on ${weir.origin}`);
  const commands = lines.filter(line => line.startsWith('  curl '));
  t.equal(commands.length, 6);
  for (const command of commands) {
    const [, url, body] = /^ {2}curl -N '?(\S+?)'? -d '(.*)'$/.exec(command)!;
    const response = await fetch(url!, { method: 'POST', body: body! });
    const text = await response.text();
    t.equal(response.status, 200, url);
    t.match(text, /untouched/, 'the words of the demo');
  }
  t.equal((await weir.stop('SIGINT')).code, 0);
});

t.test('a running stream is let finish after SIGINT, and then the exit is 0', async t => {
  const weir = await startWeir(t, { config: DEMO });
  const reader = await openStream(weir);
  weir.signal('SIGINT');
  await said(weir, /Draining/);
  const text = await restOf(reader);
  t.match(text, /data: \[DONE\]\n\n$/);
  t.same(await weir.exited(), { code: 0, signal: null });
});

t.test('a second signal ends at once, with its own status', async t => {
  const config = { ...DEMO, drain: { lameDuckMs: 0 } };
  for (const [signal, code] of [['SIGTERM', 143] as const, ['SIGINT', 130] as const]) {
    const weir = await startWeir(t, { config });
    const reader = await openStream(weir);
    weir.signal(signal);
    await said(weir, /Draining/);
    weir.signal(signal);
    t.same(await weir.exited(), { code, signal: null }, signal);
    await t.rejects(restOf(reader), 'the stream did not end cleanly');
  }
});

t.test('a bad config is exit 2 and says where', async t => {
  const weir = await startWeir(t, { config: 'listen:\n  prot: 1\n', waitForAddress: false });
  t.equal((await weir.exited()).code, 2);
  t.match(weir.stderr, /weir\.yaml:2:3: listen\.prot: .*did you mean "port"/);
  t.equal(weir.stdout, '');
});

t.test('a port in use is exit 1 with the remedy', async t => {
  const first = await startWeir(t, { config: DEMO });
  const config = { ...DEMO, listen: { port: first.port } };
  const second = await startWeir(t, { config, waitForAddress: false });
  t.equal((await second.exited()).code, 1);
  t.match(second.stderr, `weir cannot listen on 127.0.0.1:${first.port}: another program listens there`);
  t.match(second.stderr, `listen: { port: ${first.port + 1} }`);
  t.notMatch(second.stdout, /listens on/);
});

t.test('the config is reloaded when it changes and on SIGHUP; a bad one leaves the old one', async t => {
  const port = await freePort();
  const config = { ...DEMO, listen: { port } };
  const weir = await startWeir(t, { config });
  const file = join(weir.folder, 'weir.yaml');
  const statusOfDemo = async (): Promise<number> => (await fetch(`${weir.origin}/demo/v1/models`)).status;
  t.equal(await statusOfDemo(), 200);

  writeFileSync(file, 'providers: { demo: {} }\nlimts: {}\n');
  await said(weir, /weir\.yaml:2:1: limts: .*did you mean "limits"/);
  t.equal(await statusOfDemo(), 200, 'the old one serves');

  const locked = { ...config, auth: { byo: false, staticKeys: [{ id: 'a', key: 'env:TEAM_KEY' }] } };
  writeFileSync(
    file,
    JSON.stringify({ ...locked, auth: { staticKeys: [{ id: 'a', key: 'team-key-12345' }] } }),
  );
  await said(weir, /weir\.yaml was reloaded/);
  t.equal(await statusOfDemo(), 401, 'the new one wants a key');

  writeFileSync(file, JSON.stringify({ ...config, listen: { port: port + 1 } }));
  await said(weir, /listen changes only by a restart/);
  t.equal(await statusOfDemo(), 401, 'refused whole');

  writeFileSync(file, JSON.stringify(config));
  weir.signal('SIGHUP');
  await weir.line(() => weir.stderr.match(/was reloaded/g)?.length === 2, 'the second reload');
  t.equal(await statusOfDemo(), 200);
});

t.test('nothing is written to disk without a usage section', async t => {
  const weir = await startWeir(t, { config: DEMO });
  await fetch(`${weir.origin}/demo/v1/models`);
  await weir.factCount(1);
  t.same(readdirSync(weir.folder), ['weir.yaml']);
});

t.test("in this process: streams and signals are the caller's", async t => {
  const file = join(
    t.testdir({ 'weir.yaml': 'listen: { port: 0 }\nproviders: { demo: {} }\n' }),
    'weir.yaml',
  );
  const run = startMain(['--config', file]);
  const url = await run.stdout.changes.until(
    () => /^Weir listens on (\S+)$/m.exec(run.stdout.text)?.[1],
    'the address',
  );
  const answer = await fetch(`${url}/demo/api/generate`, {
    method: 'POST',
    body: '{"model":"demo","prompt":"x","stream":false}',
  });
  t.match(await answer.json(), { response: SCRIPT_TEXT });
  run.signals.emit('SIGHUP');
  await run.stderr.changes.until(() => run.stderr.text.includes('was reloaded'), 'the reload');
  run.signals.emit('SIGINT');
  t.equal(await run.status, 0);
  t.same(run.signals.eventNames(), []);
});
