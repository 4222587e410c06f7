import { Mistral } from '@mistralai/mistralai';
import { SDKError } from '@mistralai/mistralai/models/errors';
import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { chatAnswer, chatStream, INPUT_TOKENS, jsonAnswer, OUTPUT_TOKENS, TEXT } from './answers.ts';
import { CLIENT_KEY, NARROW_KEY, OWN_KEY, POOL_KEY, readStream, startSdkLab } from './sdk-lab.ts';

const lab = await startSdkLab(t, { providers: ['mistral'] });
const question = {
  model: 'gauge-1',
  messages: [{ role: 'user' as const, content: 'How high is the water?' }],
};
const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;
const MANAGED = ['authorization', `Bearer ${POOL_KEY}`] as const;

function client(provider: string, apiKey: string): Mistral {
  return new Mistral({ serverURL: lab.base(provider), apiKey });
}

function textOf(event: { data: { choices: { delta: { content?: unknown } }[] } }): string | null {
  const { content } = event.data.choices[0]?.delta ?? {};
  return typeof content === 'string' ? content : null;
}

t.test('the demo', async t => {
  const whole = await client('demo', CLIENT_KEY).chat.complete(question);
  t.equal(whole.choices[0]?.message?.content, SCRIPT_TEXT);
  const told = {
    provider: 'demo',
    dialect: 'openai-chat',
    operation: 'chat',
    modelRequested: 'gauge-1',
  } as const;
  await lab.expectFact(t, {
    ...told,
    auth: 'virtual',
    stream: false,
    inputTokens: whole.usage.promptTokens!,
    outputTokens: SCRIPT_PIECES.length,
  });
  // A key of its own: for a client key the demo would be asked for usage, and
  // this SDK takes no `usage: null`, which such a stream has on every chunk.
  const streamed = await readStream(await client('demo', OWN_KEY).chat.stream(question), textOf);
  t.strictSame(streamed, { text: SCRIPT_TEXT, pieces: SCRIPT_PIECES.length });
  await lab.expectFact(t, { ...told, auth: 'byo', stream: true, usageSource: 'none' });
});

t.test('with a client key', async t => {
  const { chat, models } = client('mistral', CLIENT_KEY);
  lab.up.reply(chatAnswer, { once: true });
  t.equal((await chat.complete(question)).choices[0]?.message?.content, TEXT);
  t.equal((await lab.expectManaged(t, ...MANAGED)).target, '/v1/chat/completions');
  const told = {
    provider: 'mistral',
    dialect: 'mistral',
    operation: 'chat',
    auth: 'virtual',
    ...USAGE,
  } as const;
  await lab.expectFact(t, { ...told, stream: false });

  const { script, hold } = chatStream('on the last');
  lab.up.reply(script, { once: true });
  t.strictSame(await readStream(await chat.stream(question), textOf, hold.open), { text: TEXT, pieces: 3 });
  const request = await lab.expectManaged(t, ...MANAGED);
  t.notOk('stream_options' in JSON.parse(request.body.toString()), 'which would be refused with 422');
  await lab.expectFact(t, { ...told, stream: true });

  const listed = { type: 'base', id: 'gauge-1', object: 'model', capabilities: {} };
  lab.up.reply(jsonAnswer({ object: 'list', data: [listed] }), { once: true });
  t.match((await models.list()).data, [{ id: 'gauge-1' }]);
  await lab.expectManaged(t, ...MANAGED);
  await lab.expectFact(t, { provider: 'mistral', operation: 'models' });
});

t.test('with the own key', async t => {
  lab.up.reply(chatAnswer, { once: true });
  await client('mistral', OWN_KEY).chat.complete(question);
  await lab.expectOwn(t, 'authorization', `Bearer ${OWN_KEY}`);
  await lab.expectFact(t, { auth: 'byo', poolKey: null, ...USAGE });
});

t.test('our refusals are the errors of the SDK', async t => {
  const strict = await startSdkLab(t, { providers: ['mistral'], byo: false });
  const refused = async (
    apiKey: string,
    provider: string,
    statusCode: number,
    code: string,
  ): Promise<void> => {
    const client = new Mistral({ serverURL: strict.base(provider), apiKey });
    const error = await client.chat.complete(question).then(
      () => 'an answer',
      reason => reason,
    );
    t.type(error, SDKError, code);
    t.match(error, { statusCode });
    t.match(await strict.nextFact(), { outcome: 'refused', errorCode: code });
  };
  await refused(OWN_KEY, 'mistral', 401, 'invalid_key');
  await refused(CLIENT_KEY, 'nobody', 404, 'unknown_provider');
  await refused(NARROW_KEY, 'mistral', 403, 'not_granted');
  t.equal(strict.up.requests.length, 0, 'nothing went upstream');
  t.equal(strict.factsLeft, 0, 'each was asked once');
  await lab.lab.check(t);
});
