import { gzipSync } from 'node:zlib';
import t from 'tap';
import type { Exchanged } from '../client/index.ts';
import { type Bytes, chunkFrame, type Fields, lastChunk } from '../raw/index.ts';
import * as up from '../upstream/index.ts';
import { AS_TEAM, startLab } from './lab.ts';

const lab = await startLab(t);
const off = await startLab(t, {
  config: {
    providers: {
      lab: { origin: lab.up.origin, dialect: 'openai', auth: 'none' },
      openai: { origin: lab.up.origin, keys: ['env:TEST_POOL_KEY'], injectUsage: false },
    },
  },
});

const CHAT = '/openai/v1/chat/completions';
const SSE: Fields = [['Content-Type', 'text/event-stream; charset=utf-8']];

const FIRST =
  'data: {"id":"c1","model":"m-1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}\n\n';
const TEXT = `data: ${JSON.stringify({ id: 'c1', choices: [{ index: 0, delta: { content: 'say "usage":{"x":1} and é' } }], usage: null })}\n\n`;
const FINISH = 'data: {"id":"c1","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null}\n\n';
const USAGE =
  'data: {"id":"c1","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13,"prompt_tokens_details":{"cached_tokens":2},"completion_tokens_details":{"reasoning_tokens":1}}}\n\n';
const DONE = 'data: [DONE]\n\n';
const STREAM = Buffer.from(FIRST + TEXT + FINISH + USAGE + DONE);
const WITHOUT = Buffer.from(FIRST + TEXT + FINISH + DONE);
const COUNTED = {
  inputTokens: 9,
  outputTokens: 4,
  cachedInputTokens: 2,
  reasoningTokens: 1,
  usageSource: 'provider',
  modelServed: 'm-1',
  finishReason: 'stop',
};

interface Sent {
  readonly target?: string;
  readonly fields?: Fields;
}

/** What goes up for a body, with the fields it goes with. */
async function upFor(
  body: Bytes,
  { target = CHAT, fields = AS_TEAM }: Sent = {},
): Promise<{ body: Buffer; fields: Fields; length: string | null }> {
  lab.up.reply(up.respond(200, SSE, STREAM));
  await lab.ask({ target, method: 'POST', fields, body });
  const request = lab.up.requests.at(-1)!;
  return { body: request.body, fields: request.fields, length: request.value('content-length') };
}

/** The bodies whose spliced form is known, byte for byte. */
const SPLICED: readonly (readonly [sent: string, received: string])[] = [
  ['{"model":"m","stream":true}', '{"stream_options":{"include_usage":true},"model":"m","stream":true}'],
  ['{"stream":true,"stream_options":null}', '{"stream":true,"stream_options":{"include_usage":true}}'],
  ['{"stream":true,"stream_options":{}}', '{"stream":true,"stream_options":{"include_usage":true}}'],
  [
    '{"stream_options":{"include_obfuscation":false},"stream":true}',
    '{"stream_options":{"include_usage":true,"include_obfuscation":false},"stream":true}',
  ],
];

t.test('include_usage is spliced in; every other byte is the client’s', async t => {
  for (const [sent, received] of SPLICED) {
    const got = await upFor(sent);
    t.equal(String(got.body), received);
    t.equal(got.length, String(received.length));
  }
});

t.test('whatever the spelling, taking the splice out again gives the client’s bytes', async t => {
  const bodies = [
    ' \n{ "model" : "m" ,\t"stream" : true }\r\n ',
    '{"a":"\\"stream\\":false","b":[{"stream":false}],"stream":true,"n":1.50e+10,"u":"\\u00e9é"}',
    '{"stream":true,"messages":[{"role":"user","content":"stream_options include_usage"}]}',
    '{"messages":[],"stream":true,"stream_options": { } }',
    '{"\\u0073tream":true,"x":{"stream_options":{"include_usage":false}}}',
  ];
  for (const text of bodies) {
    const sent = Buffer.from(text);
    const { body } = await upFor(sent);
    const parsed = JSON.parse(String(body)) as Record<string, unknown>;
    t.same(parsed, { ...(JSON.parse(text) as object), stream_options: { include_usage: true } }, text);
    t.ok(isSplice(sent, body), `one splice: ${body}`);
  }
});

/** Whether `result` is `original` with one run of bytes put in. */
function isSplice(original: Buffer, result: Buffer): boolean {
  let start = 0;
  while (start < original.length && original[start] === result[start]) start++;
  const tail = original.length - start;
  return (
    result.length > original.length && original.subarray(start).equals(result.subarray(result.length - tail))
  );
}

const UNTOUCHED: readonly (readonly [name: string, body: Bytes, sent?: Sent])[] = [
  ['the client says include_usage: true', '{"stream":true,"stream_options":{"include_usage":true}}'],
  ['the client says include_usage: false', '{"stream":true,"stream_options":{"include_usage":false}}'],
  ['the client says it in escapes', '{"stream":true,"stream_options":{"include_us\\u0061ge":false}}'],
  ['no stream', '{"model":"m"}'],
  ['stream: false', '{"stream":false}'],
  ['stream: "true"', '{"stream":"true"}'],
  ['stream: 1', '{"stream":1}'],
  ['stream only inside', '{"x":{"stream":true}}'],
  ['stream twice', '{"stream":true,"stream":true}'],
  ['stream twice, once in escapes', '{"stream":false,"str\\u0065am":true}'],
  ['stream_options twice', '{"stream":true,"stream_options":{},"stream_options":{"include_usage":true}}'],
  ['include_usage twice', '{"stream":true,"stream_options":{"include_usage":true,"include_usage":false}}'],
  ['stream_options of another kind', '{"stream":true,"stream_options":[]}'],
  ['stream_options a string', '{"stream":true,"stream_options":"{}"}'],
  ['not JSON', '{"stream":true'],
  ['JSON and more', '{"stream":true}{"stream":true}'],
  ['JSON and a word', '{"stream":true} x'],
  ['an array', '[{"stream":true}]'],
  ['a trailing comma', '{"stream":true,}'],
  ['a byte order mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from('{"stream":true}')])],
  ['single quotes', "{'stream':true}"],
  ['an encoded request', gzipSync('{"stream":true}'), { fields: [...AS_TEAM, ['Content-Encoding', 'gzip']] }],
  [
    'BYO',
    '{"stream":true}',
    { target: '/byo/v1/chat/completions', fields: [['Authorization', 'Bearer sk-mine']] },
  ],
  ['BYO on a shipped row', '{"stream":true}', { fields: [['Authorization', 'Bearer sk-mine']] }],
  ['another endpoint', '{"stream":true}', { target: '/openai/v1/responses' }],
  ['another dialect', '{"stream":true}', { target: '/anthropic/v1/messages' }],
  ['a body over 64 KiB', JSON.stringify({ stream: true, pad: 'x'.repeat(65_536) })],
];

t.test('where it may not be added nothing is', async t => {
  for (const [name, body, sent] of UNTOUCHED) {
    const got = await upFor(body, sent);
    t.ok(got.body.equals(Buffer.from(body as string)), name);
    t.notOk(
      got.fields.some(([field, value]) => field === 'accept-encoding' && value === 'identity'),
      name,
    );
  }
});

t.test('a legacy completion stream is asked for usage too', async t => {
  const { body } = await upFor('{"prompt":"x","stream":true}', { target: '/openai/v1/completions' });
  t.equal(String(body), '{"stream_options":{"include_usage":true},"prompt":"x","stream":true}');
});

t.test('a chunked request of up to 64 KiB is spliced and goes up with its new length', async t => {
  const parts = ['{"mod', 'el":"m","str', 'eam":true}'].map(part => chunkFrame(Buffer.from(part)));
  const fields: Fields = [...AS_TEAM, ['Transfer-Encoding', 'chunked']];
  const got = await upFor(Buffer.concat([...parts, lastChunk()]), { fields });
  t.equal(String(got.body), SPLICED[0]![1]);
  t.equal(got.length, String(SPLICED[0]![1].length));
});

t.test('the answer must be readable: accept-encoding becomes identity, once', async t => {
  const { fields } = await upFor('{"stream":true}', {
    fields: [...AS_TEAM, ['Accept-Encoding', 'gzip, br'], ['accept-encoding', 'zstd']],
  });
  t.same(
    fields.filter(([name]) => name.toLowerCase() === 'accept-encoding').map(([, value]) => value),
    ['identity'],
  );
  const plain = await upFor('{"stream":false}', { fields: [...AS_TEAM, ['Accept-Encoding', 'gzip, br']] });
  t.same(
    plain.fields.filter(([name]) => name.toLowerCase() === 'accept-encoding').map(([, value]) => value),
    ['gzip, br'],
  );
});

/** Streams pieces back for an injected request; the answer and its fact. */
async function down(
  pieces: readonly Bytes[],
  fields: Fields = SSE,
  target = CHAT,
): Promise<{ answer: Exchanged; fact: object }> {
  lab.up.reply(up.chunked(200, fields, pieces));
  return lab.askForFact({ target, fields: AS_TEAM, body: '{"model":"m","stream":true}' });
}

t.test('exactly the usage event is taken out, and the fact has its numbers', async t => {
  const { answer, fact } = await down([STREAM]);
  t.equal(String(answer.body), String(WITHOUT));
  t.equal(answer.ending, 'complete');
  t.match(fact, COUNTED);
  t.match(fact, {
    responseBytes: WITHOUT.length,
    outcome: 'complete',
    requestBytes: '{"model":"m","stream":true}'.length,
  });
});

t.test('at every split of the stream', async t => {
  let wrong = 0;
  for (let cut = 1; cut < STREAM.length; cut++) {
    const { answer, fact } = await down([STREAM.subarray(0, cut), STREAM.subarray(cut)]);
    if (!answer.body.equals(WITHOUT) || answer.ending !== 'complete') {
      wrong++;
      t.fail(`cut at ${cut}: ${answer.body}`);
    }
    const tokens = fact as { inputTokens: number | null; outputTokens: number | null };
    if (tokens.inputTokens !== 9 || tokens.outputTokens !== 4) {
      wrong++;
      t.fail(`cut at ${cut}: ${tokens.inputTokens} in, ${tokens.outputTokens} out`);
    }
  }
  t.equal(wrong, 0);
});

t.test('in one-byte chunks', async t => {
  const { answer, fact } = await down([...STREAM].map(byte => Buffer.of(byte)));
  t.equal(String(answer.body), String(WITHOUT));
  t.match(fact, COUNTED);
});

t.test('with every line end that SSE knows, comments and other fields included', async t => {
  for (const end of ['\n', '\r\n', '\r']) {
    const event = (...lines: string[]): string => lines.map(line => line + end).join('') + end;
    const usage = event('id: 7', USAGE.trim(), ': a comment');
    const others = [
      event(FIRST.trim()),
      event(': ping'),
      event('event: x', 'data: {"choices":[]}'),
      event(FINISH.trim()),
    ];
    const tail = event('data: [DONE]');
    const stream = Buffer.from(others.join('') + usage + tail);
    const half = stream.length >> 1;
    const { answer, fact } = await down([stream.subarray(0, half), stream.subarray(half)]);
    t.equal(String(answer.body), others.join('') + tail, JSON.stringify(end));
    t.match(fact, { inputTokens: 9, outputTokens: 4 });
  }
});

t.test('an event whose data spans lines is one event', async t => {
  const usage = 'data: {"choices":[],\ndata: "usage":{"prompt_tokens":9,"completion_tokens":4}}\n\n';
  const { answer, fact } = await down([FIRST, usage, DONE]);
  t.equal(String(answer.body), FIRST + DONE);
  t.match(fact, { inputTokens: 9, outputTokens: 4 });
});

t.test('only that event: others that look like it stay', async t => {
  const alike = [
    'data: {"choices":[],"usage":null}\n\n',
    'data: {"choices":[],"usage":[]}\n\n',
    'data: {"choices":[{"delta":{}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n',
    'data: {"usage":{"prompt_tokens":1}}\n\n',
    'data: {"x":{"choices":[],"usage":{"prompt_tokens":1}}}\n\n',
    'data: {"choices":[],"prompt_filter_results":[]}\n\n',
    'data: "choices":[],"usage":{}\n\n',
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: '"choices":[],"usage":{"prompt_tokens":5}' } }] })}\n\n`,
  ].join('');
  const { answer, fact } = await down([alike + USAGE + DONE]);
  t.equal(String(answer.body), alike + DONE);
  t.match(fact, { inputTokens: 9, outputTokens: 4 });
});

t.test('exactly one: a second such event is the provider’s', async t => {
  const { answer } = await down([FIRST + USAGE + USAGE + DONE]);
  t.equal(String(answer.body), FIRST + USAGE + DONE);
});

t.test('an event that grows past 64 KiB is passed, and all after it', async t => {
  const huge = `data: {"choices":[{"delta":{"content":"${'x'.repeat(70_000)}"}}]}\n\n`;
  const { answer } = await down([FIRST, ...huge.match(/.{1,20000}/gs)!, USAGE, DONE]);
  const body = String(answer.body);
  t.ok(body === FIRST + huge + USAGE + DONE || body === FIRST + huge + DONE, 'nothing else is missing');
  t.equal(answer.ending, 'complete');
});

t.test('an unfinished event at the end is the provider’s', async t => {
  const { answer } = await down([FIRST, 'data: {"choices":[{"del']);
  t.equal(String(answer.body), `${FIRST}data: {"choices":[{"del`);
});

t.test('an encoded answer is left alone, and still read', async t => {
  const encoded = gzipSync(STREAM);
  const { answer, fact } = await down(
    [encoded.subarray(0, 40), encoded.subarray(40)],
    [...SSE, ['Content-Encoding', 'gzip']],
  );
  t.ok(answer.body.equals(encoded));
  t.match(fact, COUNTED);
});

t.test('an error answer and a JSON answer are left alone', async t => {
  const json = '{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4}}';
  for (const status of [200, 400, 500]) {
    lab.up.reply(up.respond(status, [['Content-Type', 'application/json']], json));
    const answer = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"stream":true}' });
    t.equal(String(answer.body), json);
    t.equal(answer.status, status);
    t.equal(answer.ending, 'complete');
  }
});

t.test('with a stated length the answer is framed anew', async t => {
  lab.up.reply(up.respond(200, SSE, STREAM));
  const answer = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"stream":true}' });
  t.equal(String(answer.body), String(WITHOUT));
  t.equal(answer.ending, 'complete');
  t.not(answer.head.value('content-length'), String(STREAM.length));
});

t.test('to a 1.0 client and from a body delimited by close', async t => {
  lab.up.reply(up.closeDelimited(200, SSE, [STREAM]));
  const answer = await lab.ask({ target: CHAT, fields: AS_TEAM, body: '{"stream":true}', version: '1.0' });
  t.equal(String(answer.body), String(WITHOUT));
  t.equal(answer.ending, 'complete');
});

t.test('a stream that breaks off inside the usage event is broken off for the client', async t => {
  lab.up.reply([
    up.head(200, [...SSE, ['Transfer-Encoding', 'chunked']]),
    up.chunk(FIRST + USAGE.slice(0, 40)),
    up.wait(20),
    up.rst(),
  ]);
  const { answer, fact } = await lab.askForFact({ target: CHAT, fields: AS_TEAM, body: '{"stream":true}' });
  t.not(answer.ending, 'complete');
  t.ok((FIRST + USAGE).startsWith(String(answer.body)), 'a prefix of what the provider sent');
  t.match(fact, { outcome: 'upstreamTruncated', inputTokens: null });
});

t.test('other events do not wait for one another', async t => {
  const gate = up.gate();
  lab.up.reply([
    up.head(200, [...SSE, ['Transfer-Encoding', 'chunked']]),
    up.chunk(FIRST + FINISH.slice(0, 9)),
    gate,
    up.chunk(FINISH.slice(9) + USAGE + DONE),
    up.last(),
  ]);
  const client = await lab.connect(t);
  const body = '{"stream":true}';
  await client.send(
    `POST ${CHAT} HTTP/1.1\r\nHost: localhost\r\n${AS_TEAM.map(([n, v]) => `${n}: ${v}\r\n`).join('')}Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  const answer = client.body(await client.expectHead());
  t.equal(String(await answer.atLeast(FIRST.length)), FIRST);
  gate.open();
  t.equal(String(await answer.all()), FINISH + DONE);
});

t.test('a client that asks itself gets the event', async t => {
  lab.up.reply(up.chunked(200, SSE, [STREAM]));
  const { answer, fact } = await lab.askForFact({
    target: CHAT,
    fields: AS_TEAM,
    body: '{"stream":true,"stream_options":{"include_usage":true}}',
  });
  t.equal(String(answer.body), String(STREAM));
  t.match(fact, COUNTED);
});

t.test('injectUsage: false turns it off', async t => {
  lab.up.reply(up.chunked(200, SSE, [STREAM]));
  const answer = await off.ask({ target: CHAT, fields: AS_TEAM, body: '{"stream":true}' });
  t.equal(String(lab.up.requests.at(-1)!.body), '{"stream":true}');
  t.equal(String(answer.body), String(STREAM));
});

t.test('a provider whose usage comes by itself is never asked', async t => {
  const auto = await startLab(t, {
    config: { providers: { groq: { origin: lab.up.origin, keys: ['env:TEST_POOL_KEY'] } } },
  });
  lab.up.reply(up.chunked(200, SSE, [STREAM]));
  const answer = await auto.ask({
    target: '/groq/openai/v1/chat/completions',
    fields: AS_TEAM,
    body: '{"stream":true}',
  });
  t.equal(String(lab.up.requests.at(-1)!.body), '{"stream":true}');
  t.equal(String(answer.body), String(STREAM));
});

t.test('afterwards all is well', t => lab.check(t));
