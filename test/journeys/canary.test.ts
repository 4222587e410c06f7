import { readdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { type RequestParts, requestBytes } from '../client/index.ts';
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
import { type Echo, echo } from './echo.ts';

const canaryLab = await startCanaryLab(t);
const { lab, weir } = canaryLab;
const CHAT = '/openai/v1/chat/completions';
const BODY = '{"model":"m","stream":true}';
/** One call of every provider, by a different way to bring a key up. */
const CALLS: readonly (readonly [provider: string, target: string])[] = [
  ['openai', CHAT],
  ['anthropic', '/anthropic/v1/messages'],
  ['google', '/google/v1beta/models/m:generateContent'],
  ['bedrock', '/bedrock/model/m/converse'],
  ['vertex', '/vertex/v1/projects/p/locations/l/publishers/google/models/m:generateContent'],
];
const canaries: Canary[] = [...CANARIES];

/** All that was answered so far has no secret in it. */
function clean(t: Test, what: string): void {
  t.strictSame(sightings(canaryLab.answerText(), canaries), [], `answers: ${what}`);
  t.strictSame(sightings(weir.output, canaries), [], `output: ${what}`);
}

const call = (target: string, fields: Fields, body = BODY): RequestParts => ({
  target,
  fields: [...fields, ...JSON_TYPE],
  body,
});

t.test('what is looked for would be found', t => {
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
    t.strictSame(sightings('{"model":"m"}', [canary]), []);
  }
  t.end();
});

t.test('SIGUSR1 is taken', t => {
  // What becomes of it is looked at in the end, after a good while.
  weir.signal('SIGUSR1');
  t.end();
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
    for (const [, target] of CALLS) {
      t.equal((await canaryLab.ask(call(target, AS_CLIENT))).status, 200, target);
      t.equal((await canaryLab.ask(call(target, [['x-api-key', ALICE]]))).status, 200, target);
      t.equal((await canaryLab.ask(call(`${target}?key=${ALICE}`, []))).status, 200, target);
    }
  }
  clean(t, 'good requests');
});

t.test('a good answer whose fields repeat the key loses them', async t => {
  for (const [, target] of CALLS.slice(0, 3)) {
    lab.up.reply(echo(200, { body: () => '{}' }));
    t.equal((await canaryLab.ask(call(target, AS_CLIENT))).status, 200);
  }
  clean(t, 'fields of good answers');
});

t.test('errors of every status that repeat the key, framed in every way', async t => {
  const frames: readonly Echo[] = [{}, { frame: 'length' }, { frame: 'close' }, { coding: 'gzip' }];
  for (const status of [300, 302, 307, 400, 401, 402, 403, 404, 422, 429, 500, 503, 529]) {
    for (const frame of frames) {
      for (const [, target] of CALLS.slice(0, 3)) {
        lab.up.reply(echo(status, frame));
        await canaryLab.ask(call(target, AS_CLIENT));
      }
      if (status === 401 || status === 402 || status === 429) {
        await canaryLab.ask(call(CHAT, AS_CLIENT));
        await canaryLab.release();
      }
    }
    lab.up.reply(echo(status));
    t.equal(
      (await canaryLab.ask(call('/openai/v1/organization/x', AS_CLIENT))).status,
      status,
      'blames no key',
    );
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
    const { head, body } = await lab.ask(call('/anthropic/v1/messages', AS_CLIENT));
    t.strictSame(sightings(head.head.raw.toString('latin1'), canaries), [], 'not in the head');
    t.strictSame(sightings(String(body), canaries), [], 'not in the body');
  });
}

t.test('an error that repeats what was made of the key: a session token, an access token', async t => {
  for (const [provider, target] of CALLS.slice(3)) {
    lab.up.reply(echo(403));
    const { head, body } = await lab.ask(call(target, AS_CLIENT));
    t.strictSame(sightings(head.head.raw.toString('latin1'), canaries), [], `${provider}: not in the head`);
    t.strictSame(sightings(String(body), canaries), [], `${provider}: not in the body`);
  }
});

t.test('providers that are not there, break off, or talk nonsense', async t => {
  const never = (): Promise<void> => new Promise(() => {});
  const scripts: readonly up.Script[] = [
    [up.rst()],
    [up.fin()],
    [up.raw(`HTTP/1.1 200 OK\r\nX-A: ${KEYS.openai1}`), up.fin()],
    [up.raw(`hello ${KEYS.openai1} ${KEYS.openai2}\r\n\r\n`)],
    [up.raw(`HTTP/1.1 200 OK\r\nX-A: ${KEYS.openai1}\r\n ${KEYS.openai2}\r\n\r\n`)],
    [up.raw(`HTTP/1.1 101 ${KEYS.openai1}\r\nUpgrade: x\r\n\r\n${KEYS.openai1}`)],
    [up.head(200, [['X-Big', KEYS.openai1.repeat(700)]])],
    [up.head(200, [['Content-Length', '100']]), up.raw('{}'), up.rst()],
    [up.head(403, [['Content-Length', '100']]), up.raw(`{"error":"${KEYS.openai1}`), up.fin()],
    [up.head(200, [['Content-Length', '100']]), up.raw('{}'), never],
    [never],
  ];
  for (const script of scripts) {
    lab.up.reply(script);
    await canaryLab.ask(call(CHAT, AS_CLIENT));
  }
  for (const provider of ['refusing', 'nowhere', 'untrusted']) {
    const answer = await canaryLab.ask(call(`/${provider}/v1/chat/completions`, AS_CLIENT));
    t.equal(answer.status, 502, provider);
  }
  clean(t, 'broken providers');
});

t.test('a service account whose token cannot be had', async t => {
  const fresh = await startCanaryLab(t);
  fresh.lab.up.on('POST', '/token', up.respond(400, JSON_TYPE, `{"error":"${KEYS.googleToken}"}`), {
    once: true,
  });
  const answer = await fresh.lab.ask(call(CALLS[4]![1], AS_CLIENT));
  t.equal(answer.head.value('x-weir-error'), 'upstream_auth_failed');
  t.strictSame(sightings(`${answer.head.head.raw}${answer.body}${fresh.weir.output}`, canaries), []);
});

t.test('refusals repeat nothing of what was sent', async t => {
  const guess = KEYS.guessed;
  const tampered = `${ALICE.slice(0, -70)}${ALICE.at(-70) === 'A' ? 'B' : 'A'}${ALICE.slice(-69)}`;
  canaries.push({ name: 'tampered key', value: signed(tampered) });
  const refused: readonly (readonly [status: number, parts: RequestParts])[] = [
    [400, call(`/openai//v1?key=${guess}`, AS_CLIENT)],
    [400, { target: `http://${guess}/`, fields: AS_CLIENT }],
    [400, { target: CHAT, fields: [['Host', 'a'], ['Host', guess], ...AS_CLIENT] }],
    [405, { ...call(CHAT, AS_CLIENT), method: 'TRACE' }],
    [417, { ...call(CHAT, AS_CLIENT), fields: [...AS_CLIENT, ['Expect', guess]] }],
    [426, { target: CHAT, fields: [...AS_CLIENT, ['Connection', 'upgrade'], ['Upgrade', guess]] }],
    [431, { target: CHAT, fields: [...AS_CLIENT, ['X-Big', guess.repeat(900)]] }],
    [501, { target: CHAT, fields: [...AS_CLIENT, ['Transfer-Encoding', guess]], body: '' }],
    [404, call(`/nobody/v1/messages?key=${guess}`, AS_CLIENT)],
    [413, { method: 'POST', target: CHAT, fields: [...AS_CLIENT, ['Content-Length', '99999999']] }],
    [400, call(CHAT, [...AS_CLIENT, ['x-api-key', ALICE]])],
    [
      400,
      call(CHAT, [
        ['x-api-key', guess],
        ['x-api-key', KEYS.client],
      ]),
    ],
    [401, call(CHAT, [])],
    [401, call(CHAT, [['Authorization', `Bearer ${guess}`]])],
    [401, call(CHAT, [['Authorization', `Token ${KEYS.client}`]])],
    [401, call(CHAT, [['x-api-key', KEYS.admin]])],
    [401, call(CHAT, [['x-api-key', KEYS.openai1]])],
    [401, call(`${CHAT}?key=${guess}`, [])],
    [401, call(CHAT, [['x-api-key', tampered]])],
    [401, call(CHAT, [['x-api-key', ALICE.toUpperCase()]])],
    [403, call('/openai/v1/batches', AS_CLIENT)],
  ];
  for (const [status, parts] of refused) {
    const answer = await canaryLab.ask(parts);
    t.equal(
      answer.status,
      status,
      `${parts.method ?? ''} ${parts.target.slice(0, 40)} ${answer.head.value('x-weir-error')}`,
    );
  }
  clean(t, 'refusals');
});

t.test('NATS goes away', async t => {
  await canaryLab.nats?.kill();
  await weir.line(({ text }) => text.includes('bus_unreachable'), 'that NATS cannot be reached');
  clean(t, 'NATS');
});

t.test('the ops listener: every page and call, by everybody, wrong ones too', async t => {
  const home = String((await canaryLab.ops('GET', '/')).body);
  const paths = [...home.matchAll(/^ +(?:GET|POST|DELETE) +(\/\S*)/gm)].map(([, path]) =>
    path!.replace(/:\w+/g, 'x'),
  );
  t.ok(paths.includes('/issuers') && paths.includes('/metrics'));
  for (const path of [...paths, '/nothing', '/%zz', `/?key=${KEYS.admin}`]) {
    for (const key of [undefined, KEYS.guessed, KEYS.client, ALICE, KEYS.viewer, KEYS.operator, KEYS.admin]) {
      // So few wrong keys that the right ones are still heard.
      if (key !== undefined && !key.includes('-CANARY/') && path !== '/issuers') continue;
      if ((key === KEYS.guessed || key === KEYS.client) && path !== '/issuers') continue;
      await canaryLab.ops('GET', path, key);
      if (key === KEYS.admin) await canaryLab.ops('POST', path, key, '{"a":');
    }
  }
  const mint = `/issuers/${ISSUER}/keys`;
  await canaryLab.ops('POST', mint, KEYS.viewer, { subject: 'bob' });
  await canaryLab.ops('POST', mint, KEYS.admin, { subject: 'bob', expires: KEYS.guessed });
  t.equal((await canaryLab.ops('POST', '/providers/openai/keys/pool-1/disable', KEYS.operator)).status, 200);
  await canaryLab.release();
  const expires = new Date(Date.now() + 3_600_000).toISOString();
  const minted = await canaryLab.secretOps('POST', mint, KEYS.admin, { subject: 'bob', expires });
  t.equal(minted.status, 201);
  t.strictSame(sightings(String(minted.body), canaries), [], 'the minted key and nothing else');
  const { key } = JSON.parse(String(minted.body)) as { key: string };
  canaries.push({ name: 'minted key', value: signed(key) });
  lab.up.reply(up.respond(200, JSON_TYPE, '{}'));
  t.equal((await canaryLab.ask(call(CHAT, [['x-api-key', key]]))).status, 200);
  clean(t, 'ops');
});

t.test('configs that are wrong', async t => {
  const { providers, auth, ops } = canaryLab.config as {
    providers: object;
    auth: object;
    ops: { adminKeys: object[] };
  };
  const file = join(weir.folder, 'weir.yaml');
  const good = readFileSync(file, 'utf8');
  const wrong: readonly (object | string)[] = [
    { ...canaryLab.config, limits: { inflght: 1 } },
    ...[KEYS.pasted, `env:${KEYS.pasted}`, `file:${KEYS.pasted}`, { id: KEYS.pasted, key: KEYS.pasted }].map(
      key => ({
        ...canaryLab.config,
        providers: { ...providers, openai: { keys: [key] } },
      }),
    ),
    {
      ...canaryLab.config,
      auth: { ...auth, issuers: [{ publicKey: KEYS.pasted, secretKey: 'env:POOL_1' }] },
    },
    {
      ...canaryLab.config,
      auth: {
        staticKeys: [
          { id: 'a', key: 'env:CLIENT' },
          { id: 'b', key: 'env:CLIENT' },
        ],
      },
    },
    { ...canaryLab.config, ops: { ...ops, adminKeys: [{ key: 'env:CLIENT', role: KEYS.pasted }] } },
    { ...canaryLab.config, ops: { ...ops, adminKeys: [{ key: 'env:CLIENT', role: 'admin' }] } },
    `providers: { openai: { keys: [${KEYS.pasted} } }\n`,
    `${KEYS.pasted}: 1\n`,
  ];
  const count = (words: string): number => weir.lines.filter(({ text }) => text.endsWith(words)).length;
  for (const config of wrong) {
    const before = count('still serve:');
    writeFileSync(`${file}.next`, typeof config === 'string' ? config : JSON.stringify(config));
    renameSync(`${file}.next`, file);
    weir.signal('SIGHUP');
    await weir.changes.until(() => count('still serve:') > before, 'that it was not reloaded');
    clean(t, `a config such as ${wrong.indexOf(config)}`);
  }
  const before = count('was reloaded');
  writeFileSync(`${file}.next`, good);
  renameSync(`${file}.next`, file);
  weir.signal('SIGHUP');
  await weir.changes.until(() => count('was reloaded') > before, 'that it was reloaded');
});

t.test('other commands', async t => {
  const config = ['--config', join(weir.folder, 'weir.yaml')];
  const url = `http://127.0.0.1:${weir.opsPort}`;
  const commands = [
    ['check', '--explain', ...config],
    ['check', '--explain', '--json', ...config],
    ['--help'],
    ['provider', 'key', 'list', '--ops', url],
    ['deny', 'list', '--ops', url],
  ];
  for (const args of commands) {
    const env = { ...CANARY_ENV, WEIR_ADMIN_KEY: KEYS.admin };
    const other = await startWeir(t, { args, env, waitForAddress: false });
    await other.exited();
    t.ok(other.output.length > 20, args.join(' '));
    t.strictSame(sightings(other.output, canaries), [], args.join(' '));
  }
});

t.test('nothing listens but the two ports, and no key is in the arguments', t => {
  t.strictSame(sightings(readFileSync(`/proc/${weir.pid}/cmdline`, 'latin1'), canaries), []);
  t.strictSame(
    listeningPorts(weir.pid),
    [weir.port, weir.opsPort].sort((a, b) => a - b),
  );
  t.notMatch(weir.output, /debugger|inspector/i, 'SIGUSR1 opened nothing');
  t.end();
});

t.test('it drains and ends; in all that is left there is no key', async t => {
  const gate = up.gate();
  lab.up.reply([up.head(200, [['Transfer-Encoding', 'chunked']]), up.chunk('a'), gate, up.last()]);
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
  const files = canaryLab.files();
  t.ok(
    [...files.keys()].some(name => name.endsWith('.ndjson')),
    'there is a journal',
  );
  t.ok(weir.journal().facts.length > 100, 'with facts');
  for (const [name, text] of files) t.strictSame(sightings(text, canaries), [], name);
  t.notMatch([...files.keys()].join(), /report\.|heapsnapshot|(?:^|,)core/, 'no dump');
});

t.test('the provider saw its keys, and none of ours', t => {
  const sent = canaryLab.lab.up.requests.map(({ head }) => head.raw.toString('latin1')).join('\n');
  const seen = canaries.filter(({ value }) => sent.includes(value)).map(({ name }) => name);
  t.strictSame(seen, ['openai1', 'openai2', 'anthropic', 'google', 'awsSession', 'googleToken']);
  const own = canaries.filter(({ name }) => !seen.includes(name));
  t.strictSame(sightings(canaryLab.sent(), own), [], 'in no form');
  t.end();
});

/** The TCP ports that a process listens on, ascending. */
function listeningPorts(pid: number): readonly number[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap(fd => {
      try {
        return [/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1]];
      } catch {
        return [];
      }
    }),
  );
  const rows = ['tcp', 'tcp6'].flatMap(table =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8').split('\n').slice(1),
  );
  return rows
    .map(row => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(inode))
    .map(([, local]) => Number.parseInt(local!.split(':')[1]!, 16))
    .sort((a, b) => a - b);
}
