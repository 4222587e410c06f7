import Groq, { AuthenticationError, NotFoundError, PermissionDeniedError } from 'groq-sdk';
import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { chatAnswer, chatStream, INPUT_TOKENS, jsonAnswer, OUTPUT_TOKENS, TEXT } from './answers.ts';
import {
  CLIENT_KEY,
  NARROW_KEY,
  OWN_KEY,
  POOL_KEY,
  readStream,
  startSdkLab,
  withEnvironment,
} from './sdk-lab.ts';

const lab = await startSdkLab(t, { providers: ['groq'] });
const question = {
  model: 'gauge-1',
  messages: [{ role: 'user' as const, content: 'How high is the water?' }],
};
const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;
const MANAGED = ['authorization', `Bearer ${POOL_KEY}`] as const;
const PATH = '/openai/v1/chat/completions';

t.test('the demo, by GROQ_BASE_URL and GROQ_API_KEY, without a version path', async t => {
  const { chat } = await withEnvironment(
    { GROQ_BASE_URL: lab.base('demo'), GROQ_API_KEY: CLIENT_KEY },
    async () => new Groq(),
  );
  t.equal((await chat.completions.create(question)).choices[0]?.message.content, SCRIPT_TEXT);
  const told = { provider: 'demo', dialect: 'openai-chat', path: `/demo${PATH}`, auth: 'virtual' } as const;
  await lab.expectFact(t, { ...told, stream: false, outputTokens: SCRIPT_PIECES.length });
  const streamed = await readStream(
    await chat.completions.create({ ...question, stream: true }),
    chunk => chunk.choices[0]?.delta.content,
  );
  t.strictSame(streamed, { text: SCRIPT_TEXT, pieces: SCRIPT_PIECES.length });
  await lab.expectFact(t, { ...told, stream: true, outputTokens: SCRIPT_PIECES.length });
});

t.test('with a client key', async t => {
  const { chat, models } = new Groq({ baseURL: lab.base('groq'), apiKey: CLIENT_KEY });
  lab.up.reply(chatAnswer, { once: true });
  t.equal((await chat.completions.create(question)).choices[0]?.message.content, TEXT);
  t.equal((await lab.expectManaged(t, ...MANAGED)).target, PATH);
  const told = { provider: 'groq', dialect: 'openai-chat', auth: 'virtual', ...USAGE } as const;
  await lab.expectFact(t, { ...told, stream: false });

  const { script, hold } = chatStream('on the last');
  lab.up.reply(script, { once: true });
  const streamed = await readStream(
    await chat.completions.create({ ...question, stream: true }),
    chunk => chunk.choices[0]?.delta.content,
    hold.open,
  );
  t.strictSame(streamed, { text: TEXT, pieces: 3 });
  const request = await lab.expectManaged(t, ...MANAGED);
  t.strictSame(
    JSON.parse(request.body.toString()),
    { ...question, stream: true },
    'usage comes unasked here',
  );
  await lab.expectFact(t, { ...told, stream: true });

  lab.up.reply(jsonAnswer({ object: 'list', data: [{ id: 'gauge-1', object: 'model' }] }), { once: true });
  t.equal((await models.list()).data[0]?.id, 'gauge-1');
  t.equal((await lab.expectManaged(t, ...MANAGED)).target, '/openai/v1/models');
  await lab.expectFact(t, { provider: 'groq', operation: 'models' });
});

t.test('with the own key', async t => {
  lab.up.reply(chatAnswer, { once: true });
  await new Groq({ baseURL: lab.base('groq'), apiKey: OWN_KEY }).chat.completions.create(question);
  await lab.expectOwn(t, 'authorization', `Bearer ${OWN_KEY}`);
  await lab.expectFact(t, { auth: 'byo', poolKey: null, ...USAGE });
});

t.test('our refusals are the errors of the SDK', async t => {
  const strict = await startSdkLab(t, { providers: ['groq'], byo: false });
  const refused = async (apiKey: string, provider: string, type: unknown, code: string): Promise<void> => {
    const error = await new Groq({ baseURL: strict.base(provider), apiKey }).chat.completions
      .create(question)
      .then(
        () => 'an answer',
        reason => reason,
      );
    t.type(error, type as never, code);
    t.match(await strict.nextFact(), { outcome: 'refused', errorCode: code });
  };
  await refused(OWN_KEY, 'groq', AuthenticationError, 'invalid_key');
  await refused(CLIENT_KEY, 'nobody', NotFoundError, 'unknown_provider');
  await refused(NARROW_KEY, 'groq', PermissionDeniedError, 'not_granted');
  t.equal(strict.up.requests.length, 0, 'nothing went upstream');
  t.equal(strict.factsLeft, 0, 'each was asked once');
  await lab.lab.check(t);
});
