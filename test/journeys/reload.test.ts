import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { exchange, RawClient, requestBytes } from '../client/index.ts';
import { startWeir, type WeirProcess } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';

const STREAM = [
  ['Content-Type', 'text/event-stream'],
  ['Transfer-Encoding', 'chunked'],
] satisfies Fields;

interface Pair {
  readonly first: up.Upstream;
  readonly second: up.Upstream;
  readonly weir: WeirProcess;
  readonly write: (lab: up.Upstream, more?: string) => void;
}

/** Two providers; the config names the first, and `write` replaces it whole, as editors do. */
async function start(t: Test): Promise<Pair> {
  const [first, second] = [await up.Upstream.start(), await up.Upstream.start()];
  t.teardown(() => Promise.all([first.close(), second.close()]));
  first.reply(up.respond(200, [], 'first'));
  second.reply(up.respond(200, [], 'second'));
  const text = (lab: up.Upstream, more = ''): string =>
    `listen: { port: 0 }\nproviders:\n  lab: { origin: '${lab.origin}', dialect: openai, auth: none }\n${more}`;
  const weir = await startWeir(t, { config: text(first) });
  const write = (lab: up.Upstream, more?: string): void => {
    writeFileSync(join(weir.folder, 'next'), text(lab, more));
    renameSync(join(weir.folder, 'next'), join(weir.folder, 'weir.yaml'));
  };
  return { first, second, weir, write };
}

async function ask(weir: WeirProcess): Promise<string> {
  return String((await exchange(weir.port, { target: '/lab/x' })).body);
}

/** A stream in the middle; what it gives lets it end and checks that it came whole. */
async function openStream(t: Test, provider: up.Upstream, weir: WeirProcess): Promise<() => Promise<void>> {
  const gate = up.gate();
  provider.reply([up.head(200, STREAM), up.chunk('data: 1\n\n'), gate, up.chunk('data: 2\n\n'), up.last()]);
  const client = await RawClient.connect(weir.port);
  t.teardown(() => client.destroy());
  await client.send(requestBytes({ target: '/lab/stream' }));
  const body = client.body(await client.expectHead(), 'GET');
  await body.atLeast(9);
  return async () => {
    gate.open();
    t.equal(String(await body.all()), 'data: 2\n\n');
    t.equal(body.ending, 'complete');
  };
}

const reloaded = (weir: WeirProcess) => weir.line(({ text }) => /reload/i.test(text), 'that it reloaded');

t.test('a changed file serves new requests, and running streams keep what they began with', async t => {
  const { first, second, weir, write } = await start(t);
  t.equal(await ask(weir), 'first');
  const finish = await openStream(t, first, weir);
  write(second);
  await reloaded(weir);
  t.equal(await ask(weir), 'second');
  await finish();
});

t.test('SIGHUP does the same; a bad file leaves the old one serving and says where it is wrong', async t => {
  const { second, weir, write } = await start(t);
  write(second, 'limits: { inflght: 3 }\n');
  weir.signal('SIGHUP');
  await weir.line(({ text }) => text.includes('weir.yaml:4:'), 'where the new file is wrong');
  t.match(weir.output, /inflight/, 'the nearest key');
  t.equal(await ask(weir), 'first');
  write(second);
  weir.signal('SIGHUP');
  await reloaded(weir);
  t.equal(await ask(weir), 'second');
});

t.test('what only a restart can change is refused whole', async t => {
  const { second, weir, write } = await start(t);
  write(second);
  writeFileSync(
    join(weir.folder, 'weir.yaml'),
    `listen: { port: 1 }\nproviders:\n  lab: { origin: '${second.origin}', dialect: openai, auth: none }\n`,
  );
  weir.signal('SIGHUP');
  await weir.line(({ text }) => /restart/.test(text), 'that listen needs a restart');
  t.equal(await ask(weir), 'first');
});

t.test('a hundred reloads in the middle of a stream do not touch it', async t => {
  const { first, second, weir, write } = await start(t);
  const finish = await openStream(t, first, weir);
  for (let i = 0; i < 100; i++) {
    write(i % 2 === 0 ? second : first, `limits: { inflight: ${1000 + i} }\n`);
    weir.signal('SIGHUP');
    t.equal((await exchange(weir.port, { target: '/health' })).status, 200);
  }
  await finish();
});
