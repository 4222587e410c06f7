import http from 'node:http';
import t from 'tap';
import { type DemoOrigin, startDemoOrigin } from '../../lib/demo/index.ts';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { at, eventsOf, post } from './exchange.ts';

const MESSAGES = [{ role: 'user', content: 'a secret phrase' }];
const OUTPUT = SCRIPT_PIECES.length;

async function start(t: { teardown(end: () => Promise<void>): void }, eventDelayMs = 0): Promise<string> {
  const demo: DemoOrigin = await startDemoOrigin({ eventDelayMs });
  t.teardown(() => demo.close());
  return demo.origin;
}

const inputOf = (sentBytes: number): number => Math.ceil(sentBytes / 4);

t.test('chat', async t => {
  const origin = await start(t);
  for (const path of ['/v1/chat/completions', '/chat/completions', '/openai/v1/chat/completions']) {
    const answer = await post(origin, path, { model: 'm', messages: MESSAGES });
    const body: unknown = JSON.parse(answer.text);
    const input = inputOf(answer.sentBytes);
    t.equal(at(body, 'choices', 0, 'message', 'content'), SCRIPT_TEXT);
    t.equal(at(body, 'model'), 'm');
    t.same(at(body, 'usage'), {
      prompt_tokens: input,
      completion_tokens: OUTPUT,
      total_tokens: input + OUTPUT,
    });
  }
});

t.test('chat stream states usage only if asked', async t => {
  const origin = await start(t);
  for (const asked of [true, false, undefined]) {
    const options = asked === undefined ? {} : { stream_options: { include_usage: asked } };
    const answer = await post(origin, '/v1/chat/completions', {
      model: 'm',
      messages: MESSAGES,
      stream: true,
      ...options,
    });
    t.match(answer.type, /^text\/event-stream/);
    const events = eventsOf(answer.text);
    t.equal(events.at(-1)?.data, '[DONE]');
    const chunks: unknown[] = events.slice(0, -1).map(event => JSON.parse(event.data));
    t.equal(
      chunks.map(chunk => at(chunk, 'choices', 0, 'delta', 'content') ?? '').join(''),
      SCRIPT_TEXT,
      'the pieces make the text',
    );
    const usages = chunks.filter(chunk => at(chunk, 'choices', 'length') === 0);
    t.equal(usages.length, asked === true ? 1 : 0);
    t.equal(answer.text.includes('"usage"'), asked === true);
    if (asked === true) {
      t.equal(at(chunks.at(-1), 'usage', 'prompt_tokens'), inputOf(answer.sentBytes));
      t.equal(at(chunks.at(-1), 'usage', 'completion_tokens'), OUTPUT);
      t.ok(chunks.slice(0, -1).every(chunk => at(chunk, 'usage') === null));
    }
  }
});

t.test('legacy completions', async t => {
  const origin = await start(t);
  const whole = await post(origin, '/v1/completions', { model: 'm', prompt: 'x' });
  t.equal(at(JSON.parse(whole.text), 'choices', 0, 'text'), SCRIPT_TEXT);
  t.equal(at(JSON.parse(whole.text), 'usage', 'completion_tokens'), OUTPUT);
  for (const asked of [true, false]) {
    const answer = await post(origin, '/completions', {
      prompt: 'x',
      stream: true,
      stream_options: { include_usage: asked },
    });
    const chunks: unknown[] = eventsOf(answer.text)
      .slice(0, -1)
      .map(event => JSON.parse(event.data));
    t.equal(chunks.map(chunk => at(chunk, 'choices', 0, 'text') ?? '').join(''), SCRIPT_TEXT);
    t.equal(chunks.filter(chunk => at(chunk, 'choices', 'length') === 0).length, asked ? 1 : 0);
  }
});

t.test('responses', async t => {
  const origin = await start(t);
  const whole = await post(origin, '/v1/responses', { model: 'm', input: 'x' });
  t.equal(at(JSON.parse(whole.text), 'output', 0, 'content', 0, 'text'), SCRIPT_TEXT);
  t.equal(at(JSON.parse(whole.text), 'usage', 'output_tokens'), OUTPUT);

  const answer = await post(origin, '/v1/responses', { model: 'm', input: 'x', stream: true });
  const events = eventsOf(answer.text);
  const bodies: unknown[] = events.map(event => JSON.parse(event.data));
  t.same(
    bodies.map(body => at(body, 'sequence_number')),
    bodies.map((_body, i) => i),
  );
  t.same(
    bodies.map(body => at(body, 'type')),
    events.map(event => event.event),
  );
  const names = events.map(event => event.event).filter(name => name !== 'response.output_text.delta');
  t.same(names, [
    'response.created',
    'response.in_progress',
    'response.output_item.added',
    'response.content_part.added',
    'response.output_text.done',
    'response.content_part.done',
    'response.output_item.done',
    'response.completed',
  ]);
  t.equal(bodies.map(body => at(body, 'delta') ?? '').join(''), SCRIPT_TEXT);
  t.equal(at(bodies[0], 'response', 'usage'), null);
  t.equal(at(bodies.at(-1), 'response', 'usage', 'input_tokens'), inputOf(answer.sentBytes));
  t.equal(at(bodies.at(-1), 'response', 'output', 0, 'content', 0, 'text'), SCRIPT_TEXT);
});

t.test('embeddings', async t => {
  const origin = await start(t);
  const embed = async (rest: object): Promise<unknown> =>
    JSON.parse((await post(origin, '/v1/embeddings', { model: 'm', ...rest })).text);
  const floats = await embed({ input: ['one', 'two', 'one'] });
  const vectors = [0, 1, 2].map(i => at(floats, 'data', i, 'embedding') as number[]);
  t.equal(vectors[0]?.length, 8);
  t.same(vectors[0], vectors[2]);
  t.notSame(vectors[0], vectors[1]);
  t.ok(Math.abs(Math.hypot(...vectors[0]!) - 1) < 1e-6, 'length 1');

  const encoded = at(await embed({ input: 'one', encoding_format: 'base64' }), 'data', 0, 'embedding');
  const bytes = Buffer.from(encoded as string, 'base64');
  t.same(
    vectors[0],
    Array.from({ length: 8 }, (_value, i) => bytes.readFloatLE(i * 4)),
  );
  t.equal(at(await embed({ input: [1, 2, 3] }), 'data', 'length'), 1, 'token ids are one text');
  t.equal(at(await embed({ input: 'x', dimensions: 3 }), 'data', 0, 'embedding', 'length'), 3);
});

t.test('messages', async t => {
  const origin = await start(t);
  const body = { model: 'm', max_tokens: 9, messages: MESSAGES };
  const whole = await post(origin, '/v1/messages?beta=true', body);
  t.equal(at(JSON.parse(whole.text), 'content', 0, 'text'), SCRIPT_TEXT);
  t.same(at(JSON.parse(whole.text), 'usage'), {
    input_tokens: inputOf(whole.sentBytes),
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    output_tokens: OUTPUT,
  });

  const counted = await post(origin, '/anthropic/v1/messages/count_tokens', body);
  t.same(JSON.parse(counted.text), { input_tokens: inputOf(counted.sentBytes) });

  const answer = await post(origin, '/v1/messages', { ...body, stream: true });
  const events = eventsOf(answer.text);
  const bodies: unknown[] = events.map(event => JSON.parse(event.data));
  t.same(
    events.map(event => event.event).filter(name => name !== 'content_block_delta'),
    ['message_start', 'content_block_start', 'ping', 'content_block_stop', 'message_delta', 'message_stop'],
  );
  t.equal(bodies.map(value => at(value, 'delta', 'text') ?? '').join(''), SCRIPT_TEXT);
  t.equal(at(bodies[0], 'message', 'usage', 'input_tokens'), inputOf(answer.sentBytes));
  t.equal(at(bodies.at(-2), 'usage', 'output_tokens'), OUTPUT);
});

t.test('generate-content', async t => {
  const origin = await start(t);
  const body = { contents: [{ parts: [{ text: 'x' }] }] };
  const path = '/v1beta/models/some-model';
  const usage = (sentBytes: number): object => ({
    promptTokenCount: inputOf(sentBytes),
    candidatesTokenCount: OUTPUT,
    totalTokenCount: inputOf(sentBytes) + OUTPUT,
  });
  const textOf = (value: unknown): unknown => at(value, 'candidates', 0, 'content', 'parts', 0, 'text');
  const whole = await post(origin, `${path}:generateContent`, body);
  t.equal(textOf(JSON.parse(whole.text)), SCRIPT_TEXT);
  t.equal(at(JSON.parse(whole.text), 'modelVersion'), 'some-model');
  t.same(at(JSON.parse(whole.text), 'usageMetadata'), usage(whole.sentBytes));

  const sse = await post(origin, `${path}:streamGenerateContent?alt=sse`, body);
  const steps: unknown[] = eventsOf(sse.text).map(event => JSON.parse(event.data));
  const array = await post(origin, `${path}:streamGenerateContent`, body);
  t.match(array.type, /^application\/json/);
  const elements = JSON.parse(array.text) as unknown[];
  for (const streamed of [steps, elements]) {
    t.equal(streamed.map(textOf).join(''), SCRIPT_TEXT);
    t.same(at(streamed.at(-1), 'usageMetadata'), usage(sse.sentBytes));
    t.equal(at(streamed.at(-1), 'candidates', 0, 'finishReason'), 'STOP');
    t.equal(at(streamed[0], 'candidates', 0, 'finishReason'), undefined);
  }
  const counted = await post(origin, `${path}:countTokens`, body);
  t.same(JSON.parse(counted.text), { totalTokens: inputOf(counted.sentBytes) });
});

t.test('native-chat streams unless told not to', async t => {
  const origin = await start(t);
  const forms = [
    { path: '/api/chat', body: { model: 'm', messages: MESSAGES }, words: ['message', 'content'] },
    { path: '/api/generate', body: { model: 'm', prompt: 'x' }, words: ['response'] },
  ];
  for (const { path, body, words } of forms) {
    const streamed = await post(origin, path, body);
    t.equal(streamed.type, 'application/x-ndjson');
    t.ok(streamed.text.endsWith('\n'));
    const lines: unknown[] = streamed.text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    t.equal(lines.map(line => at(line, ...words)).join(''), SCRIPT_TEXT);
    t.same(
      lines.map(line => at(line, 'done')),
      lines.map((_line, i) => i === lines.length - 1),
    );
    t.equal(at(lines.at(-1), 'prompt_eval_count'), inputOf(streamed.sentBytes));
    t.equal(at(lines.at(-1), 'eval_count'), OUTPUT);

    const whole = await post(origin, path, { ...body, stream: false });
    t.equal(at(JSON.parse(whole.text), ...words), SCRIPT_TEXT);
    t.equal(at(JSON.parse(whole.text), 'eval_count'), OUTPUT);

    const load = await post(origin, path, { model: 'm' });
    t.equal(at(JSON.parse(load.text), 'done_reason'), 'load');
    t.equal(at(JSON.parse(load.text), 'eval_count'), undefined);
  }
});

t.test('staged-chat', async t => {
  const origin = await start(t);
  const whole = await post(origin, '/v2/chat', { model: 'm', messages: MESSAGES });
  t.equal(at(JSON.parse(whole.text), 'message', 'content', 0, 'text'), SCRIPT_TEXT);
  t.equal(at(JSON.parse(whole.text), 'usage', 'tokens', 'output_tokens'), OUTPUT);

  const answer = await post(origin, '/v2/chat', { model: 'm', messages: MESSAGES, stream: true });
  const events = eventsOf(answer.text);
  t.equal(events.at(-1)?.data, '[DONE]');
  const bodies: unknown[] = events.slice(0, -1).map(event => JSON.parse(event.data));
  t.equal(bodies.map(body => at(body, 'delta', 'message', 'content', 'text') ?? '').join(''), SCRIPT_TEXT);
  t.same(at(bodies.at(-1), 'delta', 'usage', 'billed_units'), {
    input_tokens: inputOf(answer.sentBytes),
    output_tokens: OUTPUT,
  });
});

t.test('models and versions', async t => {
  const origin = await start(t);
  const get = async (path: string): Promise<unknown> => (await fetch(origin + path)).json();
  for (const path of ['/v1/models', '/models', '/models?client_version=1']) {
    const list = await get(path);
    t.match(list, { object: 'list', has_more: false, first_id: 'demo' });
    t.match(at(list, 'data', 0), { id: 'demo', object: 'model', type: 'model' });
  }
  t.match(await get('/v1/models/other'), { id: 'other', object: 'model' });
  t.match(await get('/v1beta/models'), { models: [{ name: 'models/demo' }] });
  t.match(await get('/v1beta/models/demo'), { name: 'models/demo' });
  t.match(await get('/api/tags'), { models: [{ name: 'demo:latest' }] });
  t.equal(typeof at(await get('/api/version'), 'version'), 'string');
  t.equal((await fetch(`${origin}/`)).status, 200);
  t.equal(await (await fetch(`${origin}/v1/models`, { method: 'HEAD' })).text(), '');
});

t.test('refusals are worded in the dialect of the path', async t => {
  const origin = await start(t);
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['/v1/images/generations', ['error', 'message']],
    ['/v1/audio/speech', ['error', 'message']],
    ['/v1/messages/batches', ['error', 'message']],
    ['/v1beta/models/m:embedContent', ['error', 'message']],
    ['/api/pull', ['error']],
    ['/v2/rerank', ['message']],
  ];
  for (const [path, where] of cases) {
    const answer = await post(origin, path, {});
    t.equal(answer.status, 404, path);
    t.equal(typeof at(JSON.parse(answer.text), ...where), 'string', path);
  }
  t.equal(at(JSON.parse((await post(origin, '/v1/messages/x', {})).text), 'type'), 'error');
  t.equal(at(JSON.parse((await post(origin, '/m:embed', {})).text), 'error', 'status'), 'NOT_FOUND');
  for (const body of ['{', '[]', '"x"', 'null']) {
    t.equal((await post(origin, '/v1/chat/completions', body)).status, 400, body);
  }
  t.equal((await fetch(`${origin}/v1/chat/completions`)).status, 404);
});

t.test('nothing of the prompt comes back, and the same requests give the same bytes', async t => {
  const [one, two] = [await start(t), await start(t)];
  const requests: readonly (readonly [string, object])[] = [
    ['/v1/chat/completions', { messages: MESSAGES, stream: true }],
    ['/v1/responses', { input: 'a secret phrase', instructions: 'a secret phrase' }],
    ['/v1/messages', { messages: MESSAGES, system: 'a secret phrase' }],
    ['/api/chat', { messages: MESSAGES }],
    ['/v1/embeddings', { input: 'a secret phrase' }],
  ];
  for (const [path, body] of requests) {
    const first = await post(one, path, body);
    t.notMatch(first.text, /secret/);
    t.equal((await post(two, path, body)).text, first.text);
  }
});

t.test('a body over 64 MiB is refused', async t => {
  const origin = await start(t);
  const answer = await post(origin, '/v1/chat/completions', `"${'x'.repeat(64 * 1024 * 1024)}"`);
  t.equal(answer.status, 413);
});

t.test('a stream arrives event by event', async t => {
  const origin = await start(t, 5);
  const response = await fetch(`${origin}/v1/chat/completions`, {
    method: 'POST',
    body: '{"stream":true}',
  });
  let reads = 0;
  for await (const _chunk of response.body!) reads++;
  t.ok(reads > 5, `${reads} reads`);
});

t.test('a client that leaves stops the stream', async t => {
  const timers = (): number => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;
  const hour = 3_600_000;
  const origin = await start(t, hour);
  const before = timers();
  const request = http.request(`${origin}/v1/chat/completions`, { method: 'POST', agent: false });
  await new Promise<void>(resolve => {
    request.once('response', response => response.once('data', () => resolve()));
    request.end('{"stream":true}');
  });
  t.equal(timers(), before + 1, 'the next event is an hour away');
  request.on('error', () => {});
  request.destroy();
  // Ends when the server has seen the departure; otherwise the runner's own timeout fails the test.
  while (timers() > before) await new Promise(resolve => setImmediate(resolve));
  t.pass('its timer is gone');
});
