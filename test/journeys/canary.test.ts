import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type Exchanged, type RequestParts, requestBytes } from '../client/index.ts';
import { startWeir } from '../process/index.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { type Canary, sightings, spellings } from './canary.ts';
import {
  ALICE,
  AS_ALICE,
  AS_CLIENT,
  CANARIES,
  CANARY_ENV,
  ISSUER,
  JSON_TYPE,
  KEYS,
  signed,
  startCanaryLab,
} from './canary-lab.ts';
import { REFUSED, TAMPERED, wrongConfigs } from './canary-refusals.ts';
import { type Echo, echo } from './echo.ts';
import { listeningPorts } from './listening-ports.ts';

const canaryLab = await startCanaryLab(t);
const { lab, weir } = canaryLab;
const CHAT = '/openai/v1/chat/completions';
const BODY = '{"model":"m","stream":true}';
/** Of providers that are sent the pool key itself. */
const PLAIN = [CHAT, '/anthropic/v1/messages', '/google/v1beta/models/m:generateContent'];
/** Of providers that are sent something made of it. */
const BEDROCK = '/bedrock/model/m/converse';
const VERTEX = '/vertex/v1/projects/p/locations/l/publishers/google/models/m:generateContent';
const canaries: Canary[] = [...CANARIES, { name: 'tampered key', value: signed(TAMPERED) }];

const call = (target: string, fields: Fields = AS_CLIENT, body = BODY): RequestParts => ({
  target,
  fields: [...fields, ...JSON_TYPE],
  body,
});

/** Nothing that was said so far, to whomever, has a secret in it. */
function clean(t: Test, what: string): void {
  t.strictSame(sightings(canaryLab.answerText(), canaries), [], `answers: ${what}`);
  t.strictSame(sightings(weir.output, canaries), [], `output: ${what}`);
}

/** One answer that is not among those of `clean`. */
function cleanAnswer(t: Test, { head, body }: Exchanged, what: string): void {
  t.strictSame(sightings(head.head.raw.toString('latin1'), canaries), [], `${what}: not in the head`);
  t.strictSame(sightings(body.toString('latin1'), canaries), [], `${what}: not in the body`);
}

t.test('what is looked for would be found', async t => {
  for (const canary of CANARIES) {
    for (const [how, spelled] of spellings(canary.value))
      t.ok(
        sightings(`before${spelled}after`, [canary]).includes(`${canary.name} ${how}`),
        `${canary.name} ${how}`,
      );
    for (const before of ['', 'a', 'ab']) {
      const inside = Buffer.from(`${before}${canary.value}\n`);
      t.ok(sightings(inside.toString('base64'), [canary]).length > 0, 'in base64');
      t.ok(sightings(inside.toString('base64url'), [canary]).length > 0, 'in base64url');
    }
    t.strictSame(sightings(BODY, [canary]), []);
  }
});

t.test('SIGUSR1 is sent', async t => {
  // What became of it is looked at in the end, after a good while.
  weir.signal('SIGUSR1');
  t.equal((await canaryLab.ask({ target: '/health' })).status, 200);
});

t.test('good answers and streams, with a key in every place', async t => {
  const json = up.respond(200, JSON_TYPE, '{"model":"m","usage":{"prompt_tokens":1,"completion_tokens":2}}');
  const stream = up.chunked(
    200,
    [['Content-Type', 'text/event-stream']],
    ['data: {}\n\n', 'data: [DONE]\n\n'],
  );
  for (const script of [json, stream]) {
    lab.up.reply(script);
    for (const target of [...PLAIN, BEDROCK, VERTEX]) {
      t.equal((await canaryLab.ask(call(target))).status, 200, target);
      t.equal((await canaryLab.ask(call(target, [['x-api-key', ALICE]]))).status, 200, target);
      t.equal((await canaryLab.ask(call(`${target}?key=${ALICE}`, []))).status, 200, target);
    }
  }
  clean(t, 'good requests');
});

t.test('a good answer whose fields repeat the key loses them', async t => {
  lab.up.reply(echo(200, { body: () => '{}' }));
  for (const target of PLAIN) t.equal((await canaryLab.ask(call(target))).status, 200);
  clean(t, 'fields of good answers');
});

t.test('errors of every status that repeat the key, framed in every way', async t => {
  const frames: readonly Echo[] = [{}, { frame: 'length' }, { frame: 'close' }, { coding: 'gzip' }];
  for (const status of [300, 302, 307, 400, 401, 402, 403, 404, 422, 429, 500, 503, 529]) {
    for (const frame of frames) {
      lab.up.reply(echo(status, frame));
      for (const target of PLAIN) await canaryLab.ask(call(target));
      // Keys that now rest have answers of their own.
      if (status === 401 || status === 402 || status === 429) await canaryLab.ask(call(CHAT));
      await canaryLab.release();
    }
    await canaryLab.ask(call('/openai/v1/organization/x'));
    await canaryLab.release();
  }
  clean(t, 'errors');
});

for (const [how, spell] of [
  ['in base64', (key: string) => Buffer.from(key).toString('base64')],
  ['in base64 behind a user', (key: string) => Buffer.from(`user:${key}`).toString('base64')],
  ['in base64url', (key: string) => Buffer.from(key).toString('base64url')],
  ['in hex', (key: string) => Buffer.from(key).toString('hex')],
  ['in URL encoding', encodeURIComponent],
  ['in JSON with escaped slashes', (key: string) => key.replaceAll('/', '\\/')],
] as const) {
  t.test(`an error that repeats the key ${how}`, async t => {
    lab.up.reply(echo(403, { spell }));
    cleanAnswer(t, await lab.ask(call('/anthropic/v1/messages')), how);
  });
}

t.test('providers that are not there, break off, or talk nonsense', async t => {
  const never = (): Promise<void> => new Promise(() => {});
  const key = KEYS.openai1;
  const scripts: readonly up.Script[] = [
    [up.rst()],
    [up.fin()],
    [up.raw(`HTTP/1.1 200 OK\r\nX-A: ${key}`), up.fin()],
    [up.raw(`hello ${key} ${KEYS.openai2}\r\n\r\n`)],
    [up.raw(`HTTP/1.1 200 OK\r\nX-A: ${key}\r\n ${key}\r\n\r\n`)],
    [up.raw(`HTTP/1.1 101 ${key}\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n${key}`)],
    [up.head(200, [['X-Big', key.repeat(700)]])],
    [up.head(200, [['Content-Length', '100']]), up.raw('{}'), up.rst()],
    [up.head(403, [['Content-Length', '100']]), up.raw(`{"error":"${key}`), up.fin()],
    [up.head(200, [['Content-Length', '100']]), up.raw('{}'), never],
    [never],
  ];
  for (const script of scripts) {
    lab.up.reply(script);
    await canaryLab.ask(call(CHAT));
  }
  for (const provider of ['refusing', 'nowhere', 'untrusted'])
    t.equal((await canaryLab.ask(call(`/${provider}/v1/chat/completions`))).status, 502, provider);
  clean(t, 'broken providers');
});

t.test('refusals repeat nothing of what was sent', async t => {
  for (const [status, parts] of REFUSED) {
    const answer = await canaryLab.ask(parts);
    t.equal(answer.status, status, `${parts.method ?? ''} ${parts.target.slice(0, 40)}`);
  }
  clean(t, 'refusals');
});

t.test('the ops listener: every page and call, by everybody', async t => {
  const home = String((await canaryLab.ops('GET', '/')).body);
  const paths = [...home.matchAll(/^ +(?:GET|POST|DELETE) +(\/\S*)/gm)].map(([, path]) => path!);
  for (const path of ['/issuers', '/deny', '/metrics']) t.ok(paths.includes(path), `${path} is listed`);
  for (const path of [
    ...paths.map(path => path.replace(/:\w+/g, 'x')),
    '/nothing',
    '/%zz',
    `/?key=${KEYS.admin}`,
  ]) {
    for (const key of [undefined, KEYS.viewer, KEYS.operator, KEYS.admin])
      await canaryLab.ops('GET', path, key);
    for (const body of ['{"a":', '{"a":1}', undefined]) await canaryLab.ops('POST', path, KEYS.admin, body);
  }
  for (const key of [KEYS.guessed, KEYS.client, ALICE, KEYS.openai1])
    t.equal((await canaryLab.ops('GET', '/issuers', key)).status, 401);
  const mint = `/issuers/${ISSUER}/keys`;
  t.equal((await canaryLab.ops('POST', mint, KEYS.operator, { subject: 'bob' })).status, 403);
  t.equal((await canaryLab.ops('POST', mint, KEYS.admin, { subject: 'bob' })).status, 400);
  t.equal((await canaryLab.ops('POST', '/providers/openai/keys/pool-1/disable', KEYS.operator)).status, 200);
  await canaryLab.release();
  clean(t, 'ops');
});

t.test('NATS goes away', async t => {
  await canaryLab.nats?.kill();
  await weir.line(({ text }) => text.includes('bus_unreachable'), 'that NATS cannot be reached');
  const entry = { kind: 'subject', id: 'mallory', reason: 'fraud' };
  t.equal((await canaryLab.ops('POST', '/deny', KEYS.operator, entry)).status, 503);
  clean(t, 'NATS');
});

t.test('a key that was minted is seen in its one answer', async t => {
  const claims = { subject: 'bob', expires: new Date(Date.now() + 3_600_000).toISOString() };
  const minted = await canaryLab.secretOps('POST', `/issuers/${ISSUER}/keys`, KEYS.admin, claims);
  t.equal(minted.status, 201);
  cleanAnswer(t, minted, 'nothing but the key');
  const { key } = JSON.parse(String(minted.body)) as { key: string };
  canaries.push({ name: 'minted key', value: signed(key) });
  lab.up.reply(up.respond(200, JSON_TYPE, '{}'));
  t.equal((await canaryLab.ask(call(CHAT, [['x-api-key', key]]))).status, 200);
  clean(t, 'minted');
});

/** Puts a config in place and waits for what the gateway says of it. */
async function reload(text: string, verdict: string): Promise<void> {
  const file = join(weir.folder, 'weir.yaml');
  const count = (): number => weir.lines.filter(line => line.text.endsWith(verdict)).length;
  const before = count();
  writeFileSync(`${file}.next`, text);
  renameSync(`${file}.next`, file);
  weir.signal('SIGHUP');
  await weir.changes.until(() => count() > before, `${verdict} once more`);
}

t.test('configs that are wrong', async t => {
  for (const text of wrongConfigs(canaryLab.config)) await reload(text, 'still serve:');
  clean(t, 'configs');
  await reload(JSON.stringify(canaryLab.config), 'was reloaded');
});

t.test('other commands', async t => {
  const config = ['--config', join(weir.folder, 'weir.yaml')];
  const ops = ['--ops', `http://127.0.0.1:${weir.opsPort}`];
  const env = { ...CANARY_ENV, WEIR_ADMIN_KEY: KEYS.admin };
  const commands = [
    ['check', '--explain', ...config],
    ['check', '--explain', '--json', ...config],
    ['--help'],
    ['provider', 'key', 'list', ...ops],
    ['deny', 'list', ...ops],
  ];
  await Promise.all(
    commands.map(async args => {
      const command = await startWeir(t, { args, env, waitForAddress: false });
      t.strictSame(await command.exited(), { code: 0, signal: null }, args.join(' '));
      t.strictSame(sightings(command.output, canaries), [], args.join(' '));
    }),
  );
});

t.test('nothing listens but the two ports, and no key is in the arguments', async t => {
  t.notMatch(weir.output, /debugger listening|inspector/i, 'SIGUSR1 opened nothing');
  const ports = listeningPorts(weir.pid);
  if (ports === null) {
    t.comment('skipped: this platform does not tell what a process listens on');
    return;
  }
  t.strictSame(
    ports,
    [weir.port, weir.opsPort].sort((a, b) => a - b),
  );
  t.strictSame(sightings(readFileSync(`/proc/${weir.pid}/cmdline`, 'latin1'), canaries), []);
});

t.test('it drains and ends; in all that is left there is no key', async t => {
  const gate = up.gate();
  lab.up.reply([up.head(200, [['Transfer-Encoding', 'chunked']]), up.chunk('data: {}\n\n'), gate, up.last()]);
  const client = await lab.connect(t);
  await client.send(requestBytes(call(CHAT, AS_ALICE)));
  const body = client.body(await client.expectHead());
  await body.atLeast(1);
  weir.signal('SIGTERM');
  await weir.line(({ text }) => /drain/i.test(text), 'that it drains');
  gate.open();
  await body.all();
  t.equal(body.ending, 'complete');
  t.strictSame(await weir.exited(), { code: 0, signal: null });
  clean(t, 'everything');
  t.ok(weir.journal().facts.length > 300, 'there is a journal');
  const files = canaryLab.files();
  for (const [name, text] of files) t.strictSame(sightings(text, canaries), [], name);
  t.notMatch([...files.keys()].join('\n'), /^(?:report\.|core|.*\.heap)/m, 'no dump');
});

t.test('the provider saw its keys, and none of ours', async t => {
  const heads = lab.up.requests.map(({ head }) => head.raw.toString('latin1')).join('\n');
  const seen = canaries.filter(({ value }) => heads.includes(value)).map(({ name }) => name);
  t.strictSame(seen, ['openai1', 'openai2', 'anthropic', 'google', 'awsSession', 'googleToken']);
  const own = canaries.filter(({ name }) => !seen.includes(name));
  t.strictSame(sightings(canaryLab.sent(), own), [], 'in no form');
});

t.test('where node and the network are loud', async t => {
  // Each of these makes node or a package print what it does.
  const NODE_DEBUG = 'http,https,net,tls,stream,undici,fetch,child_process,worker';
  const env = { NODE_DEBUG, DEBUG: '*', NATS_PASSWORD: KEYS.wrongNats };
  // Facts then go to the log whole.
  const loud = await startCanaryLab(t, { env, config: { usage: undefined } });
  const verdict = loud.nats === null ? 'bus_unreachable' : 'bus_refused';
  await loud.weir.line(({ text }) => text.includes(verdict), 'that NATS does not let it in');
  const ask = async (t: Test, target: string, what: string): Promise<Exchanged> => {
    const { answer, fact } = await loud.lab.askForFact(call(target));
    t.strictSame(sightings(JSON.stringify(fact), canaries), [], `${what}: not in the fact`);
    return answer;
  };

  await t.test('a service account whose token cannot be had', async t => {
    const failing = up.respond(400, JSON_TYPE, `{"error":"${KEYS.googleToken}"}`);
    loud.lab.up.on('POST', '/token', failing, { once: true });
    const answer = await ask(t, VERTEX, 'no token');
    t.equal(answer.head.value('x-weir-error'), 'upstream_auth_failed');
    cleanAnswer(t, answer, 'no token');
  });

  await t.test('a plain error that repeats the key', async t => {
    loud.lab.up.reply(echo(403));
    for (const target of PLAIN) cleanAnswer(t, await ask(t, target, target), target);
  });

  for (const [what, target] of [
    ['a session token', BEDROCK],
    ['an access token', VERTEX],
  ] as const) {
    await t.test(`an error that repeats what was made of the key: ${what}`, async t => {
      loud.lab.up.reply(echo(403));
      cleanAnswer(t, await ask(t, target, what), what);
    });
  }

  await t.test('an answer that gives the key for the model and the reason it ended', async t => {
    const body = (key: string): string =>
      `{"model":"${key}","choices":[{"index":0,"finish_reason":"${key}"}]}`;
    loud.lab.up.reply(echo(200, { body }));
    t.equal((await ask(t, CHAT, 'a good answer')).status, 200);
  });

  await t.test('a key that is denied by itself in place of its id', async t => {
    const entry = { kind: 'key', id: ALICE, reason: 'the whole key was pasted' };
    const answer = await loud.secretOps('POST', '/deny', KEYS.operator, entry);
    t.equal(answer.status, 400);
    cleanAnswer(t, answer, 'deny');
    const recorded = await loud.weir.fact(({ path }) => path === '/deny', 'of the call');
    t.strictSame(sightings(JSON.stringify(recorded), canaries), [], 'not on record');
  });

  t.strictSame(sightings(loud.weir.output, canaries), [], 'in no line');
});

t.test('a field that carries credentials is not taken for a tag', async t => {
  const checks = ['authorization', 'x-goog-api-key'].map(async field => {
    const config = { usage: { tagHeaders: [field] } };
    const check = await startWeir(t, { args: ['check'], config, waitForAddress: false });
    t.equal((await check.exited()).code, 2, field);
  });
  await Promise.all(checks);
});
