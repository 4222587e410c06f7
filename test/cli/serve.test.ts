import { readdirSync } from 'node:fs';
import { dirname } from 'node:path';
import t from 'tap';
import { SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { runMain } from './run-main.ts';
import { startServing } from './serving.ts';

const CONFIG = { listen: { port: 0 }, providers: { demo: {} } };

t.test('what it prints works: the address, and every command to try', async t => {
  const { url, stdout, signals, status } = await startServing(t, CONFIG);
  const lines = stdout.text.split('\n');
  t.equal(lines[0], `Weir listens on ${url}`, 'the address is the first line');
  const commands = lines.filter(line => line.startsWith('  curl '));
  t.equal(commands.length, 6);
  for (const command of commands) {
    const [, target, body] = /^ {2}curl -N '?(\S+?)'? -d '(.*)'$/.exec(command)!;
    const response = await fetch(target!, { method: 'POST', body: body! });
    t.equal(response.status, 200, target!);
    t.match(await response.text(), /untouched/, 'the words of the demo');
  }
  signals.emit('SIGINT');
  t.equal(await status, 0);
  t.same(signals.eventNames(), [], 'no listener is left');
});

t.test('it serves what the file says, and writes nothing without a usage section', async t => {
  const { url, file, signals, status } = await startServing(t, CONFIG);
  const answer = await fetch(`${url}/demo/api/generate`, {
    method: 'POST',
    body: '{"model":"demo","prompt":"x","stream":false}',
  });
  t.match(await answer.json(), { response: SCRIPT_TEXT });
  t.equal((await fetch(`${url}/nobody/v1/models`)).status, 404);
  signals.emit('SIGINT');
  t.equal(await status, 0);
  t.same(readdirSync(dirname(file)), ['weir.yaml']);
});

t.test('without the demo in the file there is no demo', async t => {
  const { url, stdout, signals, status } = await startServing(t, { listen: { port: 0 }, providers: {} });
  t.notMatch(stdout.text, /demo/);
  t.equal((await fetch(`${url}/demo/v1/models`)).status, 404);
  signals.emit('SIGINT');
  t.equal(await status, 0);
});

t.test('on a terminal it is the same screen with colour, and a readable log', async t => {
  const { url, stdout, signals, status } = await startServing(t, CONFIG, { isTty: true });
  t.equal(stdout.text.split('\n')[0], `Weir listens on ${url}`);
  await (await fetch(`${url}/demo/v1/models`)).text();
  const line = /GET .*\/demo\/v1\/models/;
  await stdout.changes.until(() => line.test(stdout.text), 'the line of the request');
  t.notMatch(stdout.text, /"level"/);
  t.ok(stdout.text.includes('\u001b['));
  signals.emit('SIGINT');
  t.equal(await status, 0);
});

t.test('a bad config is exit 2 and says where', async t => {
  const file = `${t.testdir({ 'weir.yaml': 'listen:\n  prot: 1\n' })}/weir.yaml`;
  const { status, stdout, stderr } = await runMain(['--config', file]);
  t.equal(status, 2);
  t.equal(stdout, '');
  t.match(stderr, /weir\.yaml:2:3: listen\.prot: .*did you mean "port"/);
});

t.test('a port in use is exit 1 with the remedy', async t => {
  const first = await startServing(t, CONFIG);
  const port = Number(new URL(first.url).port);
  const file = `${t.testdir({ 'second.yaml': `listen: { port: ${port} }` })}/second.yaml`;
  const second = await runMain(['serve', '--config', file]);
  t.equal(second.status, 1);
  t.equal(second.stdout, '');
  t.match(second.stderr, `weir cannot listen on 127.0.0.1:${port}: another program listens there`);
  t.match(second.stderr, `listen: { port: ${port + 1} }`);
  first.signals.emit('SIGINT');
  t.equal(await first.status, 0);
});

t.test('a folder that cannot be written is exit 1 with the reason', async t => {
  const dir = t.testdir({
    'weir.yaml': 'listen: { port: 0 }\nusage: { journal: ./file/journal }\n',
    file: 'x',
  });
  const { status, stdout, stderr } = await runMain(['serve', '--config', `${dir}/weir.yaml`]);
  t.equal(status, 1);
  t.equal(stdout, '');
  t.match(stderr, /^weir cannot start: .*file/);
  t.notMatch(stderr, /\n {4}at /, 'no stack');
});
