import Anthropic, {
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  PermissionDeniedError,
} from '@anthropic-ai/sdk';
import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { INPUT_TOKENS, jsonAnswer, messagesAnswer, messagesStream, OUTPUT_TOKENS, TEXT } from './answers.ts';
import { CLIENT_KEY, NARROW_KEY, OWN_KEY, readStream, startSdkLab, withEnvironment } from './sdk-lab.ts';

const lab = await startSdkLab(t, { providers: ['anthropic'] });
const question = {
  model: 'gauge-1',
  max_tokens: 99,
  messages: [{ role: 'user' as const, content: 'How high is the water?' }],
};
const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;

function deltaText(event: Anthropic.MessageStreamEvent): string | null {
  return event.type === 'content_block_delta' && event.delta.type === 'text_delta' ? event.delta.text : null;
}

t.test('the demo, by ANTHROPIC_BASE_URL and ANTHROPIC_API_KEY', async t => {
  const client = await withEnvironment(
    { ANTHROPIC_BASE_URL: lab.base('demo'), ANTHROPIC_API_KEY: CLIENT_KEY },
    async () => new Anthropic(),
  );
  const told = {
    provider: 'demo',
    dialect: 'anthropic-messages',
    operation: 'chat',
    auth: 'virtual',
  } as const;

  const whole = await client.messages.create(question);
  t.match(whole.content[0], { type: 'text', text: SCRIPT_TEXT });
  await lab.expectFact(t, {
    ...told,
    stream: false,
    inputTokens: whole.usage.input_tokens,
    outputTokens: SCRIPT_PIECES.length,
  });

  const stream = client.messages.stream(question);
  t.strictSame(await readStream(stream, deltaText), { text: SCRIPT_TEXT, pieces: SCRIPT_PIECES.length });
  const { usage } = await stream.finalMessage();
  await lab.expectFact(t, {
    ...told,
    stream: true,
    inputTokens: usage.input_tokens,
    outputTokens: usage.output_tokens,
  });

  const { max_tokens: _, ...counted } = question;
  t.ok((await client.messages.countTokens(counted)).input_tokens > 0);
  await lab.expectFact(t, {
    operation: 'count_tokens',
    inputTokens: null,
    outputTokens: null,
    usageSource: 'none',
  });
  t.equal((await client.models.list()).data[0]?.id, 'demo');
  await lab.expectFact(t, { operation: 'models' });
});

t.test('with a client key, as apiKey, as authToken, and beside another value', async t => {
  for (const secret of [
    { apiKey: CLIENT_KEY },
    { authToken: CLIENT_KEY },
    { apiKey: CLIENT_KEY, defaultHeaders: { 'x-api-key': CLIENT_KEY } },
    { authToken: CLIENT_KEY, defaultHeaders: { 'x-api-key': OWN_KEY } },
  ]) {
    const client = new Anthropic({ baseURL: lab.base('anthropic'), ...secret });
    lab.up.reply(messagesAnswer, { once: true });
    const whole = await client.messages.create(question);
    t.match(whole.content[0], { type: 'text', text: TEXT });
    const request = await lab.expectManaged(t, 'x-api-key');
    t.equal(request.target, '/v1/messages');
    t.match(request.value('anthropic-version'), /^\d{4}-\d\d-\d\d$/);
    await lab.expectFact(t, {
      provider: 'anthropic',
      auth: 'virtual',
      poolKey: 'pool-1',
      stream: false,
      ...USAGE,
    });

    const { script, hold } = messagesStream();
    lab.up.reply(script, { once: true });
    const streamed = await readStream(
      await client.messages.create({ ...question, stream: true }),
      deltaText,
      hold.open,
    );
    t.strictSame(streamed, { text: TEXT, pieces: 3 });
    await lab.expectManaged(t, 'x-api-key');
    await lab.expectFact(t, { provider: 'anthropic', dialect: 'anthropic-messages', stream: true, ...USAGE });
  }
});

t.test('beta headers go up as they are', async t => {
  const client = new Anthropic({ baseURL: lab.base('anthropic'), apiKey: CLIENT_KEY });
  lab.up.reply(messagesAnswer, { once: true });
  await client.beta.messages.create({ ...question, betas: ['gauge-2026-01-01'] });
  const request = await lab.expectManaged(t, 'x-api-key');
  t.match(request.target, /^\/v1\/messages(\?beta=true)?$/);
  t.equal(request.value('anthropic-beta'), 'gauge-2026-01-01');
  await lab.expectFact(t, { path: '/anthropic/v1/messages', ...USAGE });
});

t.test('with the own key, in whichever header', async t => {
  const bearer = `Bearer ${OWN_KEY}`;
  for (const [secret, field, value] of [
    [{ apiKey: OWN_KEY }, 'authorization', bearer],
    [{ authToken: OWN_KEY }, 'authorization', bearer],
    // What the SDK sent for an apiKey before its 1.0.
    [
      { authToken: 'unused', defaultHeaders: { 'x-api-key': OWN_KEY, authorization: null } },
      'x-api-key',
      OWN_KEY,
    ],
  ] as const) {
    lab.up.reply(messagesAnswer, { once: true });
    await new Anthropic({ baseURL: lab.base('anthropic'), ...secret }).messages.create(question);
    const request = await lab.expectOwn(t, field, value);
    t.equal(request.values('authorization').length + request.values('x-api-key').length, 1);
    await lab.expectFact(t, { auth: 'byo', poolKey: null, ...USAGE });
  }
});

t.test('count_tokens and models at the provider', async t => {
  const client = new Anthropic({ baseURL: lab.base('anthropic'), apiKey: CLIENT_KEY });
  lab.up.reply(jsonAnswer({ input_tokens: 5 }), { once: true });
  const { max_tokens: _, ...counted } = question;
  t.equal((await client.messages.countTokens(counted)).input_tokens, 5);
  t.equal((await lab.expectManaged(t, 'x-api-key')).target, '/v1/messages/count_tokens');
  await lab.expectFact(t, { operation: 'count_tokens', inputTokens: null, usageSource: 'none' });
  const model = { type: 'model', id: 'gauge-1', display_name: 'Gauge', created_at: '2026-01-01T00:00:00Z' };
  lab.up.reply(jsonAnswer({ data: [model], has_more: false, first_id: model.id, last_id: model.id }), {
    once: true,
  });
  t.equal((await client.models.list()).data[0]?.id, 'gauge-1');
  await lab.expectManaged(t, 'x-api-key');
  await lab.expectFact(t, { operation: 'models' });
});

t.test('our refusals are the errors of the SDK, and are not asked again', async t => {
  const strict = await startSdkLab(t, { providers: ['anthropic'], byo: false });
  const ask = (options: object, provider = 'anthropic'): Promise<unknown> =>
    new Anthropic({ baseURL: strict.base(provider), ...options }).messages.create(question).then(
      () => 'an answer',
      reason => reason,
    );
  const refused = async (error: unknown, type: unknown, name: string, code: string): Promise<void> => {
    t.type(error, type as never, code);
    t.match(error, { error: { type: 'error', error: { type: name } } });
    t.match(await strict.nextFact(), { outcome: 'refused', errorCode: code, inputTokens: null });
  };
  await refused(await ask({ apiKey: OWN_KEY }), AuthenticationError, 'authentication_error', 'invalid_key');
  await refused(
    await ask({ authToken: OWN_KEY }),
    AuthenticationError,
    'authentication_error',
    'invalid_key',
  );
  await refused(
    await ask({ apiKey: CLIENT_KEY }, 'nobody'),
    NotFoundError,
    'not_found_error',
    'unknown_provider',
  );
  await refused(await ask({ apiKey: NARROW_KEY }), PermissionDeniedError, 'permission_error', 'not_granted');
  await refused(
    await ask({ apiKey: CLIENT_KEY, defaultHeaders: { 'x-api-key': NARROW_KEY } }),
    BadRequestError,
    'invalid_request_error',
    'ambiguous_credentials',
  );
  t.equal(strict.up.requests.length, 0, 'nothing went upstream');
  t.equal(strict.factsLeft, 0, 'each was asked once');
  await lab.lab.check(t);
});
