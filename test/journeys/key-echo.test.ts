import { randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import { CODINGS } from '../dialects/corpus-case.ts';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, POOL_KEY, startLab } from './lab.ts';

const lab = await startLab(t);
const CHAT = '/openai/v1/chat/completions';
const JSON_TYPE: Fields = [['Content-Type', 'application/json']];
const ECHO = JSON.stringify({
  error: { message: `Incorrect API key provided: ${POOL_KEY}.`, code: 'invalid_api_key' },
});

/** A managed request's answer, of which nothing may hold the pool key. */
async function echoed(t: Test, script: up.Script): Promise<string> {
  lab.up.reply(script);
  const answer = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"model":"m"}' });
  t.equal(answer.ending, 'complete');
  t.notOk(answer.head.head.raw.includes(POOL_KEY), 'not in the head');
  t.notOk(answer.body.includes(POOL_KEY), 'not in the body');
  return String(answer.body);
}

t.test(
  'a provider’s error that repeats the pool key is relayed without it, whole and well framed',
  async t => {
    for (const status of [400, 403, 422, 500]) {
      const fields: Fields = [...JSON_TYPE, ['X-Echo-Auth', `Bearer ${POOL_KEY}`]];
      for (const script of [
        up.respond(status, fields, ECHO),
        up.chunked(status, fields, [ECHO]),
        up.closeDelimited(status, fields, [ECHO]),
      ]) {
        const body = JSON.parse(await echoed(t, script)) as { error: { message: string; code: string } };
        t.match(body.error, { message: /^Incorrect API key provided: .*\.$/, code: 'invalid_api_key' });
      }
    }
  },
);

t.test('at every split of the body', async t => {
  const echo = Buffer.from(`a ${POOL_KEY} b ${POOL_KEY} c`);
  for (let cut = 1; cut < echo.length; cut++) {
    const body = await echoed(t, up.chunked(403, JSON_TYPE, [echo.subarray(0, cut), echo.subarray(cut)]));
    t.match(body, /^a .* b .* c$/, `cut at ${cut}`);
  }
});

t.test('inside a content coding: the plain body without the key; without the key, every byte', async t => {
  for (const [coding, encode] of CODINGS) {
    const fields: Fields = [...JSON_TYPE, ['Content-Encoding', coding]];
    for (const frame of [
      up.respond,
      (...[status, fields, body]: Parameters<typeof up.respond>) => up.chunked(status, fields, [body!]),
    ]) {
      const body = JSON.parse(await echoed(t, frame(403, fields, encode(Buffer.from(ECHO))))) as {
        error: object;
      };
      t.match(body.error, { message: /^Incorrect API key provided: \*+\.$/ }, coding);
      const other = encode(Buffer.from('{"error":"another"}'));
      lab.up.reply(frame(422, fields, other));
      const answer = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"model":"m"}' });
      t.ok(answer.body.equals(other), coding);
      t.equal(answer.head.value('content-encoding'), coding);
      t.equal(answer.ending, 'complete');
    }
  }
  const noise = randomBytes(100_000);
  const fields: Fields = [...JSON_TYPE, ['Content-Encoding', 'gzip']];
  lab.up.reply(up.respond(500, fields, noise));
  const long = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"model":"m"}' });
  t.ok(long.body.equals(noise), 'a long one, and one that is not what it says, passes');
  t.equal(long.status, 500);
});

t.test('an encoded error that breaks off was never begun: the client gets an error of ours', async t => {
  const encoded = CODINGS[0][1](Buffer.from(ECHO));
  const fields: Fields = [
    ...JSON_TYPE,
    ['Content-Encoding', 'gzip'],
    ['Content-Length', String(encoded.length)],
  ];
  lab.up.reply([up.head(403, fields), up.raw(encoded.subarray(0, -3)), up.fin()]);
  const { answer, fact } = await lab.askForFact({ target: CHAT, fields: AS_TEAM, body: '{"model":"m"}' });
  t.equal(answer.status, 502);
  t.equal(answer.head.value('x-weir-error'), 'upstream_reset');
  t.strictSame([fact.status, fact.outcome, fact.errorCode], [502, 'upstreamFailed', 'upstream_reset']);
});

t.test('an error that does not repeat it keeps every byte', async t => {
  const body = JSON.stringify({ error: { message: `sk-CANARY is not ${POOL_KEY.slice(0, -1)}`, é: 'ü' } });
  lab.up.reply(up.respond(403, JSON_TYPE, Buffer.from(body)));
  const answer = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{}' });
  t.equal(String(answer.body), body);
  t.equal(answer.head.value('content-length'), String(Buffer.byteLength(body)));
});

t.test('an error past 64 KiB, and a success, pass as they came', async t => {
  const big = Buffer.alloc(100_000, 'x');
  lab.up.reply(up.respond(500, JSON_TYPE, big));
  t.ok((await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{}' })).body.equals(big));
  lab.up.reply(up.respond(200, JSON_TYPE, ECHO));
  t.equal(String((await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{}' })).body), ECHO);
});

t.test('what a BYO client’s provider says of its own key is between the two', async t => {
  const body = '{"error":"Incorrect API key provided: sk-own"}';
  lab.up.reply(up.respond(401, [['X-Echo', 'sk-own']], body));
  const answer = await lab.ask({ target: CHAT, fields: [['Authorization', 'Bearer sk-own']], body: '{}' });
  t.equal(String(answer.body), body);
  t.equal(answer.head.value('x-echo'), 'sk-own');
});

t.test('afterwards all is well', t => lab.check(t));
