import t, { type Test } from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import type { Fact } from '../../lib/pipeline/index.ts';
import { type Exchanged, exchange, RawClient, requestBytes } from '../client/index.ts';
import type { Fields } from '../raw/index.ts';
import type { RecordedRequest } from '../upstream/index.ts';
import {
  chatStream,
  type HeldStream,
  INPUT_TOKENS,
  jsonAnswer,
  messagesStream,
  nativeChatStream,
  OUTPUT_TOKENS,
  PIECES,
  responsesStream,
} from './answers.ts';
import { CLIENT_KEY, POOL_KEY, startSdkLab } from './sdk-lab.ts';

/**
 * Tools that npm does not offer, and first calls that tools do not make when
 * they run without a person: their documented requests as raw bytes. Each
 * answer must be one with which the tool goes on.
 */
const lab = await startSdkLab(t, { providers: ['openai', 'anthropic', 'ollama'] });
const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;
const BEARER = ['Authorization', `Bearer ${CLIENT_KEY}`] as const;
const JSON_BODY = ['Content-Type', 'application/json'] as const;
const POOL_BEARER = ['authorization', `Bearer ${POOL_KEY}`] as const;
const messages = [{ role: 'user', content: 'How high is the water?' }];

/** A tool's connection, which it keeps for all its requests. */
async function connect(t: Test): Promise<RawClient> {
  const client = await RawClient.connect(lab.lab.port);
  t.teardown(() => client.destroy());
  return client;
}

async function get(client: RawClient, target: string, fields: Fields): Promise<Exchanged> {
  return exchange(client, { target, fields });
}

/** Sends a call that streams; the rest of the answer is held until the first words are here. */
async function streamCall(
  t: Test,
  client: RawClient,
  target: string,
  fields: Fields,
  body: unknown,
  held: HeldStream,
): Promise<string> {
  lab.up.reply(held.script, { once: true });
  await client.send(requestBytes({ target, fields: [...fields, JSON_BODY], body: JSON.stringify(body) }));
  const head = await client.expectHead();
  t.equal(head.status, 200);
  const answer = client.body(head);
  let first = '';
  while (!first.includes(PIECES[0]) && answer.ending === null) first += await answer.atLeast(1);
  t.match(first, PIECES[0]);
  t.notOk(first.includes(PIECES[2]), 'the first words are here while the provider holds back the rest');
  held.hold.open();
  const rest = (await answer.all()).toString();
  t.equal(answer.ending, 'complete');
  return first + rest;
}

async function chat(t: Test, client: RawClient, fields: Fields, body: object): Promise<string> {
  const call = { model: 'gauge-1', messages, stream: true, ...body };
  return streamCall(t, client, '/openai/v1/chat/completions', fields, call, chatStream('own event'));
}

async function chatWentUp(t: Test): Promise<{ readonly request: RecordedRequest; readonly fact: Fact }> {
  const request = await lab.expectManaged(t, ...POOL_BEARER);
  const expected = {
    provider: 'openai',
    dialect: 'openai-chat',
    auth: 'virtual',
    stream: true,
    ...USAGE,
  } as const;
  return { request, fact: await lab.expectFact(t, expected) };
}

/** The fact of a question that the gateway answered itself. */
async function expectProbe(t: Test, path: string): Promise<void> {
  await lab.expectFact(t, { method: 'HEAD', path, auth: 'none', attempts: 0, usageSource: 'none' });
}

async function listModels(t: Test, client: RawClient, fields: Fields): Promise<RecordedRequest> {
  lab.up.reply(jsonAnswer({ object: 'list', data: [{ id: 'gauge-1', object: 'model' }] }), { once: true });
  const listed = await get(client, '/openai/v1/models', fields);
  t.equal(listed.status, 200);
  t.match(JSON.parse(listed.body.toString()), { data: [{ id: 'gauge-1' }] });
  await lab.expectFact(t, { provider: 'openai', operation: 'models' });
  return lab.expectManaged(t, ...POOL_BEARER);
}

t.test('Cursor: models, then a chat stream without stream_options', async t => {
  const client = await connect(t);
  await listModels(t, client, [BEARER]);
  const text = await chat(t, client, [BEARER], {});
  t.notMatch(text, /"choices":\[\]/, 'the event with usage that it did not ask for is not there');
  t.match(text, /data: \[DONE\]\n\n$/);
  await chatWentUp(t);
});

t.test('Open WebUI: models first, then a chat stream, with the headers of its user', async t => {
  const client = await connect(t);
  const user = [
    ['X-OpenWebUI-User-Name', 'Ada%20Gauge'],
    ['X-OpenWebUI-User-Id', '0f6b'],
    ['X-OpenWebUI-User-Email', 'ada@example.org'],
    ['X-OpenWebUI-User-Role', 'user'],
  ] as const;
  const listed = await listModels(t, client, [BEARER, ...user]);
  t.equal(listed.value('x-openwebui-user-name'), 'Ada%20Gauge', 'which are not of the gateway, and pass');
  t.match(await chat(t, client, [BEARER, ...user], {}), PIECES[2]);
  await chatWentUp(t);
});

t.test('Continue: the key twice, as Authorization and as api-key', async t => {
  const client = await connect(t);
  const fields = [BEARER, ['api-key', CLIENT_KEY]] as const;
  const text = await chat(t, client, fields, { stream_options: { include_usage: true } });
  t.match(text, /"choices":\[\]/, 'the event with usage that it asked for');
  await chatWentUp(t);
});

t.test('aider, by way of LiteLLM: a chat stream of the Python SDK', async t => {
  const client = await connect(t);
  const fields = [
    ['Accept', 'application/json'],
    ['Accept-Encoding', 'gzip, deflate, br, zstd'],
    ['Connection', 'keep-alive'],
    ['X-Stainless-Lang', 'python'],
    ['X-Stainless-Retry-Count', '0'],
    BEARER,
  ] as const;
  t.match(await chat(t, client, fields, { temperature: 0 }), PIECES[2]);
  const { request } = await chatWentUp(t);
  t.match(JSON.parse(request.body.toString()), { temperature: 0 });
});

t.test('LangChain: a chat stream that asks for usage', async t => {
  const client = await connect(t);
  const text = await chat(t, client, [BEARER], { stream_options: { include_usage: true } });
  t.match(text, /"choices":\[\]/);
  await chatWentUp(t);
});

t.test('Ollama CLI: heartbeat, list, show, load, a chat as NDJSON, without a key', async t => {
  const client = await connect(t);
  const common = [['User-Agent', 'ollama/0.0.0 (amd64 linux) Go/go1.24.0'], JSON_BODY] as const;
  const asked = [...common, ['Accept', 'application/json']] as const;
  const heartbeat = await exchange(client, { method: 'HEAD', target: '/demo/', fields: common });
  t.equal(heartbeat.status, 200);
  t.equal(heartbeat.body.length, 0);

  const listed = await get(client, '/demo/api/tags', asked);
  t.match(JSON.parse(listed.body.toString()), { models: [{ name: 'demo:latest' }] });
  t.equal((await get(client, '/demo/api/version', asked)).status, 200);
  const post = (target: string, body: object): Promise<Exchanged> =>
    exchange(client, { target, fields: asked, body: JSON.stringify(body) });
  t.match(JSON.parse((await post('/demo/api/show', { model: 'demo' })).body.toString()), { details: Object });
  const loaded = await post('/demo/api/generate', { model: 'demo', prompt: '' });
  t.match(JSON.parse(loaded.body.toString()), { done: true, done_reason: 'load' });

  const answer = await post('/demo/api/chat', { model: 'demo', messages });
  t.match(answer.head.value('content-type'), 'application/x-ndjson');
  const lines = answer.body.toString().trim().split('\n');
  const said = lines.map(line => (JSON.parse(line) as { message: { content: string } }).message.content);
  t.equal(said.join(''), SCRIPT_TEXT);
  t.match(JSON.parse(lines.at(-1)!), { done: true, eval_count: SCRIPT_PIECES.length });

  await expectProbe(t, '/demo/');
  await lab.expectFact(t, { path: '/demo/api/tags', operation: 'models' });
  for (const path of ['/demo/api/version', '/demo/api/show', '/demo/api/generate']) {
    await lab.expectFact(t, { path });
  }
  await lab.expectFact(t, {
    dialect: 'ollama',
    operation: 'chat',
    stream: true,
    outputTokens: SCRIPT_PIECES.length,
  });

  const call = { model: 'gauge-1', messages };
  const ndjson = [common[0], ['Accept', 'application/x-ndjson']] as const;
  const streamed = await streamCall(t, client, '/ollama/api/chat', ndjson, call, nativeChatStream());
  t.equal(streamed.trim().split('\n').length, PIECES.length + 1);
  const request = await lab.up.next();
  t.equal(request.value('authorization'), null, 'nor does it get one: it is not a client of this gateway');
  await lab.expectFact(t, { provider: 'ollama', auth: 'none', poolKey: null, stream: true, ...USAGE });
});

const CLAUDE_CODE: Fields = [
  ['Accept', 'application/json'],
  ['User-Agent', 'claude-cli/2.1.330 (external, cli)'],
  ['X-Claude-Code-Session-Id', '00000000-0000-4000-8000-000000000001'],
  ['X-Stainless-Lang', 'js'],
  ['X-Stainless-Retry-Count', '0'],
  ['X-Stainless-Timeout', '600'],
  ['anthropic-beta', 'claude-code-20250219,interleaved-thinking-2025-05-14'],
  ['anthropic-dangerous-direct-browser-access', 'true'],
  ['anthropic-version', '2023-06-01'],
  ['x-app', 'cli'],
  ['Connection', 'keep-alive'],
  ['Accept-Encoding', 'gzip, deflate, br, zstd'],
];

t.test('Claude Code: its probes, models, a count, a stream', async t => {
  const client = await connect(t);
  const before = lab.up.requests.length;
  for (const target of ['/anthropic', '/anthropic/', '/anthropic/api/hello']) {
    const probe = await exchange(client, { method: 'HEAD', target });
    t.equal(probe.status, 200, `HEAD ${target} without a key`);
    t.equal(probe.body.length, 0);
    await expectProbe(t, target);
  }
  t.equal(lab.up.requests.length, before, 'nothing went upstream');

  const keyed: Fields = [...CLAUDE_CODE, ['x-api-key', CLIENT_KEY]];
  const model = {
    type: 'model',
    id: 'claude-gauge-1',
    display_name: 'Gauge',
    created_at: '2026-01-01T00:00:00Z',
  };
  lab.up.reply(jsonAnswer({ data: [model], has_more: false, first_id: model.id, last_id: model.id }), {
    once: true,
  });
  const listed = await get(client, '/anthropic/v1/models?limit=1000', keyed);
  t.match(JSON.parse(listed.body.toString()), { data: [{ id: 'claude-gauge-1' }] });
  t.equal((await lab.expectManaged(t, 'x-api-key')).target, '/v1/models?limit=1000');
  await lab.expectFact(t, { provider: 'anthropic', operation: 'models' });

  lab.up.reply(jsonAnswer({ input_tokens: 5 }), { once: true });
  const counted = await exchange(client, {
    target: '/anthropic/v1/messages/count_tokens?beta=true',
    fields: [...keyed, JSON_BODY],
    body: JSON.stringify({ model: 'gauge-1', messages }),
  });
  t.strictSame(JSON.parse(counted.body.toString()), { input_tokens: 5 });
  await lab.expectManaged(t, 'x-api-key');
  await lab.expectFact(t, { operation: 'count_tokens', usageSource: 'none' });

  for (const keys of [
    [['x-api-key', CLIENT_KEY]],
    [['Authorization', `Bearer ${CLIENT_KEY}`]],
    [
      ['x-api-key', CLIENT_KEY],
      ['Authorization', `Bearer ${CLIENT_KEY}`],
    ],
  ] as const) {
    const target = '/anthropic/v1/messages?beta=true';
    const call = { model: 'gauge-1', max_tokens: 99, stream: true, messages };
    const text = await streamCall(t, client, target, [...CLAUDE_CODE, ...keys], call, messagesStream());
    t.match(text, /event: message_stop\ndata: .*\n\n$/);
    const request = await lab.expectManaged(t, 'x-api-key');
    t.equal(request.target, '/v1/messages?beta=true');
    t.strictSame(JSON.parse(request.body.toString()), call);
    const kept = CLAUDE_CODE.filter(([name]) => name !== 'Connection');
    t.strictSame(
      kept.map(([name]) => request.value(name)),
      kept.map(([, value]) => value),
      'its headers go up as they are',
    );
    await lab.expectFact(t, { dialect: 'anthropic-messages', auth: 'virtual', stream: true, ...USAGE });
  }
});

t.test('Codex: a WebSocket upgrade is answered 426 at once, and HTTP serves the same', async t => {
  const session: Fields = [
    BEARER,
    ['version', '0.169.0'],
    ['session-id', '00000000-0000-4000-8000-000000000002'],
    ['thread-id', '00000000-0000-4000-8000-000000000002'],
    ['originator', 'codex_cli'],
  ];
  const upgrade = await exchange(lab.lab.port, {
    target: '/openai/v1/responses',
    fields: [
      ['Connection', 'Upgrade'],
      ['Upgrade', 'websocket'],
      ['Sec-WebSocket-Version', '13'],
      ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
      ['OpenAI-Beta', 'responses_websockets=2026-02-06'],
      ['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits'],
      ...session,
    ],
  });
  t.equal(upgrade.status, 426);
  t.equal(upgrade.head.value('connection'), 'close');
  t.equal(upgrade.ending, 'complete');
  t.match(await lab.nextFact(), { outcome: 'refused', errorCode: 'upgrade_required', status: 426 });

  const client = await connect(t);
  const fields: Fields = [...session, ['Accept', 'text/event-stream']];
  const call = { model: 'gauge-1', instructions: 'x', input: [], store: false, stream: true };
  const text = await streamCall(t, client, '/openai/v1/responses', fields, call, responsesStream());
  t.match(text, /"type":"response.completed"/);
  const request = await lab.expectManaged(t, ...POOL_BEARER);
  t.equal(request.value('session-id'), '00000000-0000-4000-8000-000000000002');
  await lab.expectFact(t, { provider: 'openai', dialect: 'openai-responses', stream: true, ...USAGE });
});

t.test('nothing else was asked, and all is well', async t => {
  t.equal(lab.factsLeft, 0);
  await lab.lab.check(t);
});
