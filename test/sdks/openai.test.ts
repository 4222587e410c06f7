import OpenAI, {
  AuthenticationError,
  AzureOpenAI,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  PermissionDeniedError,
} from 'openai';
import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { respond } from '../upstream/index.ts';
import {
  chatAnswer,
  chatStream,
  INPUT_TOKENS,
  jsonAnswer,
  OUTPUT_TOKENS,
  responsesAnswer,
  responsesStream,
  TEXT,
} from './answers.ts';
import {
  CLIENT_KEY,
  NARROW_KEY,
  OWN_KEY,
  POOL_KEY,
  readStream,
  startSdkLab,
  withEnvironment,
} from './sdk-lab.ts';

const lab = await startSdkLab(t, { providers: ['openai', 'azure'] });
const messages = [{ role: 'user' as const, content: 'How high is the water?' }];
const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;

t.test('the demo, by OPENAI_BASE_URL and OPENAI_API_KEY', async t => {
  const client = await withEnvironment(
    { OPENAI_BASE_URL: lab.base('demo', '/v1'), OPENAI_API_KEY: CLIENT_KEY },
    async () => new OpenAI(),
  );
  const told = { provider: 'demo', auth: 'virtual', subject: 'team', modelRequested: 'demo' } as const;

  const chat = await client.chat.completions.create({ model: 'demo', messages });
  t.equal(chat.choices[0]?.message.content, SCRIPT_TEXT);
  await lab.expectFact(t, {
    ...told,
    dialect: 'openai-chat',
    operation: 'chat',
    stream: false,
    inputTokens: chat.usage!.prompt_tokens,
    outputTokens: SCRIPT_PIECES.length,
  });

  const asked = client.chat.completions.stream({
    model: 'demo',
    messages,
    stream_options: { include_usage: true },
  });
  t.equal(await asked.finalContent(), SCRIPT_TEXT);
  t.equal((await asked.totalUsage()).completion_tokens, SCRIPT_PIECES.length);
  await lab.expectFact(t, {
    ...told,
    dialect: 'openai-chat',
    stream: true,
    outputTokens: SCRIPT_PIECES.length,
  });

  const unasked: number[] = [];
  const plain = await readStream(
    await client.chat.completions.create({ model: 'demo', messages, stream: true }),
    chunk => {
      unasked.push(chunk.choices.length);
      return chunk.choices[0]?.delta.content;
    },
  );
  t.strictSame(plain, { text: SCRIPT_TEXT, pieces: SCRIPT_PIECES.length });
  t.notOk(unasked.includes(0), 'no event without choices reaches a client that did not ask for usage');
  await lab.expectFact(t, {
    ...told,
    dialect: 'openai-chat',
    stream: true,
    outputTokens: SCRIPT_PIECES.length,
  });

  const legacy = await client.completions.create({ model: 'demo', prompt: 'x' });
  t.equal(legacy.choices[0]?.text, SCRIPT_TEXT);
  await lab.expectFact(t, { ...told, dialect: 'openai-completions', operation: 'completion' });

  t.equal((await client.responses.create({ model: 'demo', input: 'x' })).output_text, SCRIPT_TEXT);
  await lab.expectFact(t, { ...told, dialect: 'openai-responses', operation: 'chat', stream: false });
  const response = await client.responses.stream({ model: 'demo', input: 'x' }).finalResponse();
  t.equal(response.output_text, SCRIPT_TEXT);
  await lab.expectFact(t, {
    ...told,
    dialect: 'openai-responses',
    stream: true,
    inputTokens: response.usage!.input_tokens,
    outputTokens: SCRIPT_PIECES.length,
  });

  const embedded = await client.embeddings.create({ model: 'demo', input: 'x', dimensions: 4 });
  t.equal(embedded.data[0]?.embedding.length, 4);
  await lab.expectFact(t, {
    ...told,
    dialect: 'openai-embeddings',
    operation: 'embedding',
    inputTokens: embedded.usage.prompt_tokens,
  });
  t.equal((await client.models.list()).data[0]?.id, 'demo');
  await lab.expectFact(t, { provider: 'demo', operation: 'models', inputTokens: null });
});

t.test('with a client key: the pool key goes up, the stream comes as it is sent', async t => {
  const client = new OpenAI({
    baseURL: lab.base('openai', '/v1'),
    apiKey: CLIENT_KEY,
    organization: 'org-of-client',
  });
  lab.up.reply(chatAnswer, { once: true });
  const chat = await client.chat.completions.create({ model: 'gauge-1', messages });
  t.equal(chat.choices[0]?.message.content, TEXT);
  const whole = await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
  t.equal(whole.target, '/v1/chat/completions');
  t.strictSame(JSON.parse(whole.body.toString()), { model: 'gauge-1', messages });
  t.equal(whole.value('openai-organization'), null, 'an account of the client is not one of the pool');
  await lab.expectFact(t, { provider: 'openai', auth: 'virtual', poolKey: 'pool-1', ...USAGE });

  for (const includeUsage of [false, true]) {
    const { script, hold } = chatStream('own event');
    lab.up.reply(script, { once: true });
    const withoutChoices: unknown[] = [];
    const streamed = await readStream(
      await client.chat.completions.create({
        model: 'gauge-1',
        messages,
        stream: true,
        ...(includeUsage ? { stream_options: { include_usage: true } } : {}),
      }),
      chunk => {
        if (chunk.choices.length === 0) withoutChoices.push(chunk.usage?.completion_tokens);
        return chunk.choices[0]?.delta.content;
      },
      hold.open,
    );
    t.strictSame(streamed, { text: TEXT, pieces: 3 });
    t.strictSame(withoutChoices, includeUsage ? [OUTPUT_TOKENS] : [], 'usage is there for who asked');
    const request = await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
    t.strictSame(JSON.parse(request.body.toString()).stream_options, { include_usage: true });
    await lab.expectFact(t, { provider: 'openai', dialect: 'openai-chat', stream: true, ...USAGE });
  }

  lab.up.reply(responsesAnswer, { once: true });
  t.equal((await client.responses.create({ model: 'gauge-1', input: 'x' })).output_text, TEXT);
  await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
  await lab.expectFact(t, { provider: 'openai', dialect: 'openai-responses', ...USAGE });
  const { script, hold } = responsesStream();
  lab.up.reply(script, { once: true });
  const response = await readStream(
    await client.responses.create({ model: 'gauge-1', input: 'x', stream: true }),
    event => (event.type === 'response.output_text.delta' ? event.delta : null),
    hold.open,
  );
  t.strictSame(response, { text: TEXT, pieces: 3 });
  await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
  await lab.expectFact(t, { provider: 'openai', dialect: 'openai-responses', stream: true, ...USAGE });
});

t.test('with the own key: everything goes up as it was sent', async t => {
  const client = new OpenAI({
    baseURL: lab.base('openai', '/v1'),
    apiKey: OWN_KEY,
    organization: 'org-of-client',
  });
  const { script, hold } = chatStream('on the last');
  lab.up.reply(script, { once: true });
  const streamed = await readStream(
    await client.chat.completions.create({ model: 'gauge-1', messages, stream: true }),
    chunk => chunk.choices[0]?.delta.content,
    hold.open,
  );
  t.strictSame(streamed, { text: TEXT, pieces: 3 });
  const request = await lab.expectOwn(t, 'authorization', `Bearer ${OWN_KEY}`);
  t.equal(request.value('openai-organization'), 'org-of-client');
  t.strictSame(
    JSON.parse(request.body.toString()),
    { model: 'gauge-1', messages, stream: true },
    'no usage is asked for',
  );
  const fact = await lab.expectFact(t, {
    provider: 'openai',
    auth: 'byo',
    stream: true,
    poolKey: null,
    ...USAGE,
  });
  t.match(fact.keyId, /^byo:[0-9a-f]{16}$/);
});

t.test('AzureOpenAI, by AZURE_OPENAI_ENDPOINT', async t => {
  const client = await withEnvironment(
    {
      AZURE_OPENAI_ENDPOINT: lab.base('azure'),
      AZURE_OPENAI_API_KEY: CLIENT_KEY,
      OPENAI_API_VERSION: '2024-10-21',
    },
    async () => new AzureOpenAI(),
  );
  lab.up.reply(chatAnswer, { once: true });
  const chat = await client.chat.completions.create({ model: 'my-deployment', messages });
  t.equal(chat.choices[0]?.message.content, TEXT);
  const request = await lab.expectManaged(t, 'api-key');
  t.equal(request.target, '/openai/deployments/my-deployment/chat/completions?api-version=2024-10-21');
  await lab.expectFact(t, { provider: 'azure', dialect: 'openai-chat', operation: 'chat', ...USAGE });

  const { script, hold } = chatStream('own event');
  lab.up.reply(script, { once: true });
  const streamed = await readStream(
    await client.chat.completions.create({ model: 'my-deployment', messages, stream: true }),
    chunk => chunk.choices[0]?.delta.content,
    hold.open,
  );
  t.strictSame(streamed, { text: TEXT, pieces: 3 });
  await lab.expectManaged(t, 'api-key');
  await lab.expectFact(t, { provider: 'azure', dialect: 'openai-chat', stream: true, ...USAGE });

  const own = new AzureOpenAI({ endpoint: lab.base('azure'), apiKey: OWN_KEY, apiVersion: '2024-10-21' });
  lab.up.reply(chatAnswer, { once: true });
  await own.chat.completions.create({ model: 'my-deployment', messages });
  await lab.expectOwn(t, 'api-key');
  await lab.expectFact(t, { provider: 'azure', auth: 'byo', ...USAGE });
});

t.test('a provider error is the provider’s, with its request id', async t => {
  const client = new OpenAI({ baseURL: lab.base('openai', '/v1'), apiKey: CLIENT_KEY });
  const body = {
    error: {
      message: 'no such gauge',
      type: 'invalid_request_error',
      param: 'model',
      code: 'model_not_found',
    },
  };
  lab.up.reply(
    respond(
      404,
      [
        ['Content-Type', 'application/json'],
        ['X-Request-Id', 'req-up-1'],
      ],
      JSON.stringify(body),
    ),
    { once: true },
  );
  const error = await client.chat.completions.create({ model: 'none', messages }).catch(reason => reason);
  t.type(error, NotFoundError);
  t.match(error, { code: 'model_not_found', param: 'model', requestID: 'req-up-1' });
  await lab.nextFact();
});

t.test('our refusals are the errors of the SDK, and are not asked again', async t => {
  const strict = await startSdkLab(t, { providers: ['openai'], byo: false });
  const ask = (options: ConstructorParameters<typeof OpenAI>[0], provider = 'openai'): Promise<unknown> =>
    new OpenAI({ baseURL: strict.base(provider, '/v1'), ...options }).chat.completions
      .create({ model: 'gauge-1', messages })
      .then(
        () => 'an answer',
        reason => reason,
      );
  const refused = async (error: unknown, type: unknown, code: string): Promise<void> => {
    t.type(error, type as never, code);
    t.match(error, { code });
    t.match(await strict.nextFact(), { outcome: 'refused', errorCode: code, inputTokens: null });
  };
  await refused(await ask({ apiKey: OWN_KEY }), AuthenticationError, 'invalid_key');
  await refused(await ask({ apiKey: 'weir_v4.public.forged' }), AuthenticationError, 'invalid_key');
  await refused(await ask({ apiKey: CLIENT_KEY }, 'nobody'), NotFoundError, 'unknown_provider');
  await refused(await ask({ apiKey: NARROW_KEY }), PermissionDeniedError, 'not_granted');
  await refused(
    await ask({ apiKey: CLIENT_KEY, defaultHeaders: { 'api-key': NARROW_KEY } }),
    BadRequestError,
    'ambiguous_credentials',
  );
  await refused(await ask({ apiKey: CLIENT_KEY }, 'openai/%00'), BadRequestError, 'bad_target');
  // The SDK asks again after any 503, unless x-should-retry says that it would be in vain.
  await refused(await ask({ apiKey: CLIENT_KEY }, 'deepseek'), InternalServerError, 'no_upstream_key');
  t.equal(strict.up.requests.length, 0, 'nothing went upstream');
  t.equal(strict.factsLeft, 0, 'each was asked once');
});

t.test('models', async t => {
  const client = new OpenAI({ baseURL: lab.base('openai', '/v1'), apiKey: CLIENT_KEY });
  lab.up.reply(jsonAnswer({ object: 'list', data: [{ id: 'gauge-1', object: 'model' }] }), { once: true });
  t.equal((await client.models.list()).data[0]?.id, 'gauge-1');
  await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
  await lab.expectFact(t, { provider: 'openai', operation: 'models', usageSource: 'none' });
  t.equal(lab.factsLeft, 0);
  await lab.lab.check(t);
});
