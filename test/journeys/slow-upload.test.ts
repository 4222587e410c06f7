import t from 'tap';
import { RawClient, readAnswer } from '../client/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, startLab } from './lab.ts';

const lab = await startLab(t, { config: { timeouts: { bodyIdleMs: 1500 } } });
const fields = AS_TEAM.map(([name, value]) => `${name}: ${value}\r\n`).join('');
const head = (length: number): string =>
  `POST /openai/v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n${fields}Content-Length: ${length}\r\n\r\n`;

lab.up.on('POST', '/v1/chat/completions', up.respond(200, [['Content-Type', 'application/json']], '{}'));

/** Lets that much time pass in whole exchanges of others. */
async function secondsPass(seconds: number): Promise<void> {
  const startMs = performance.now();
  while (performance.now() - startMs < seconds * 1000) await lab.ask({ target: '/health' });
}

t.test('a body that comes slowly, but comes, is not cut', async t => {
  const client = await RawClient.connect(lab.port);
  t.teardown(() => client.destroy());
  const body = '{"model":"m"}';
  await client.send(head(body.length));
  for (const piece of [body.slice(0, 4), body.slice(4, 8), body.slice(8)]) {
    await secondsPass(1);
    await client.send(piece);
  }
  t.equal((await readAnswer(client, 'POST')).status, 200);
  t.equal(String(lab.up.requests.at(-1)!.body), body);
});

t.test('one that stops is answered 408, and the connection ends', async t => {
  const seen = lab.up.requests.length;
  const client = await RawClient.connect(lab.port);
  t.teardown(() => client.destroy());
  await client.send(`${head(100)}{"model"`);
  const answer = await readAnswer(client, 'POST');
  t.equal(answer.status, 408);
  t.equal(answer.head.value('x-weir-error'), 'request_timeout');
  t.equal(answer.head.value('connection'), 'close');
  await client.ended();
  t.equal(lab.up.requests.length, seen, 'the provider saw nothing');
});
