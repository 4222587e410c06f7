import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogle } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, generateText, type LanguageModel, streamText } from 'ai';
import t, { type Test } from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import type { Script } from '../upstream/index.ts';
import {
  chatAnswer,
  chatStream,
  generateAnswer,
  generateStream,
  type HeldStream,
  INPUT_TOKENS,
  messagesAnswer,
  messagesStream,
  OUTPUT_TOKENS,
  responsesAnswer,
  responsesStream,
  TEXT,
} from './answers.ts';
import { CLIENT_KEY, OWN_KEY, POOL_KEY, readStream, startSdkLab, withEnvironment } from './sdk-lab.ts';

const lab = await startSdkLab(t, { providers: ['openai', 'anthropic', 'google'] });
const question = { prompt: 'How high is the water?', maxOutputTokens: 99 };
const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;

interface Row {
  readonly name: string;
  readonly provider: string;
  readonly dialect: string;
  /** Where the pool key goes, and how it stands there. */
  readonly field: string;
  readonly keyed: (key: string) => string;
  readonly model: (provider: string, apiKey: string) => LanguageModel;
  readonly whole: Script;
  readonly stream: () => HeldStream;
}

const bearer = (key: string): string => `Bearer ${key}`;
const bare = (key: string): string => key;

const ROWS: readonly Row[] = [
  {
    name: '@ai-sdk/openai, which calls /responses',
    provider: 'openai',
    dialect: 'openai-responses',
    field: 'authorization',
    keyed: bearer,
    model: (provider, apiKey) => createOpenAI({ baseURL: lab.base(provider, '/v1'), apiKey })('gauge-1'),
    whole: responsesAnswer,
    stream: responsesStream,
  },
  {
    name: '@ai-sdk/openai, chat',
    provider: 'openai',
    dialect: 'openai-chat',
    field: 'authorization',
    keyed: bearer,
    model: (provider, apiKey) => createOpenAI({ baseURL: lab.base(provider, '/v1'), apiKey }).chat('gauge-1'),
    whole: chatAnswer,
    stream: () => chatStream('own event'),
  },
  {
    name: '@ai-sdk/openai-compatible',
    provider: 'openai',
    dialect: 'openai-chat',
    field: 'authorization',
    keyed: bearer,
    model: (provider, apiKey) =>
      createOpenAICompatible({ name: 'weir', baseURL: lab.base(provider, '/v1'), apiKey })('gauge-1'),
    whole: chatAnswer,
    stream: () => chatStream('own event'),
  },
  {
    name: '@ai-sdk/anthropic',
    provider: 'anthropic',
    dialect: 'anthropic-messages',
    field: 'x-api-key',
    keyed: bare,
    model: (provider, apiKey) => createAnthropic({ baseURL: lab.base(provider, '/v1'), apiKey })('gauge-1'),
    whole: messagesAnswer,
    stream: messagesStream,
  },
  {
    name: '@ai-sdk/google',
    provider: 'google',
    dialect: 'gemini',
    field: 'x-goog-api-key',
    keyed: bare,
    model: (provider, apiKey) => createGoogle({ baseURL: lab.base(provider, '/v1beta'), apiKey })('gauge-1'),
    whole: generateAnswer,
    stream: generateStream,
  },
];

async function streamOf(
  t: Test,
  model: LanguageModel,
  onFirst: () => void,
  expected: string,
): Promise<number> {
  const errors: unknown[] = [];
  const { textStream } = streamText({ model, ...question, onError: ({ error }) => void errors.push(error) });
  const { text, pieces } = await readStream(textStream, piece => piece, onFirst);
  t.strictSame(errors, []);
  t.equal(text, expected);
  return pieces;
}

for (const row of ROWS) {
  t.test(row.name, async t => {
    const demo = row.model('demo', CLIENT_KEY);
    t.equal((await generateText({ model: demo, ...question })).text, SCRIPT_TEXT);
    const told = { dialect: row.dialect, operation: 'chat', modelRequested: 'gauge-1' } as const;
    const inDemo = {
      ...told,
      provider: 'demo',
      auth: 'virtual',
      outputTokens: SCRIPT_PIECES.length,
    } as const;
    await lab.expectFact(t, { ...inDemo, stream: false });
    t.ok((await streamOf(t, demo, () => {}, SCRIPT_TEXT)) > 1, 'in more than one piece');
    await lab.expectFact(t, { ...inDemo, stream: true });

    for (const apiKey of [CLIENT_KEY, OWN_KEY]) {
      const managed = apiKey === CLIENT_KEY;
      const expectKey = () =>
        managed
          ? lab.expectManaged(t, row.field, row.keyed(POOL_KEY))
          : lab.expectOwn(t, row.field, row.keyed(OWN_KEY));
      const expected = {
        ...told,
        provider: row.provider,
        auth: managed ? 'virtual' : 'byo',
        ...USAGE,
      } as const;
      const model = row.model(row.provider, apiKey);
      lab.up.reply(row.whole, { once: true });
      const whole = await generateText({ model, ...question });
      t.equal(whole.text, TEXT);
      t.match(whole.usage, { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS });
      await expectKey();
      await lab.expectFact(t, { ...expected, stream: false });

      const { script, hold } = row.stream();
      lab.up.reply(script, { once: true });
      t.ok((await streamOf(t, model, hold.open, TEXT)) > 1, 'in more than one piece');
      await expectKey();
      await lab.expectFact(t, { ...expected, stream: true });
    }
  });
}

t.test('by OPENAI_BASE_URL and ANTHROPIC_BASE_URL', async t => {
  const variables = {
    OPENAI_BASE_URL: lab.base('demo', '/v1'),
    OPENAI_API_KEY: CLIENT_KEY,
    ANTHROPIC_BASE_URL: lab.base('demo', '/v1'),
    ANTHROPIC_API_KEY: CLIENT_KEY,
  };
  await withEnvironment(variables, async () => {
    for (const [model, dialect] of [
      [createOpenAI()('gauge-1'), 'openai-responses'],
      [createAnthropic()('gauge-1'), 'anthropic-messages'],
    ] as const) {
      t.equal((await generateText({ model, ...question })).text, SCRIPT_TEXT);
      await lab.expectFact(t, { provider: 'demo', dialect, auth: 'virtual' });
    }
  });
});

t.test('our refusals are the errors of the SDK, and are not asked again', async t => {
  const strict = await startSdkLab(t, { providers: ['openai'], byo: false });
  const refused = async (
    apiKey: string,
    provider: string,
    statusCode: number,
    code: string,
  ): Promise<void> => {
    const model = createOpenAI({ baseURL: strict.base(provider, '/v1'), apiKey })('gauge-1');
    const error = await generateText({ model, ...question }).then(
      () => 'an answer',
      reason => reason,
    );
    t.ok(APICallError.isInstance(error), code);
    t.match(error, { statusCode, isRetryable: false });
    t.match(await strict.nextFact(), { outcome: 'refused', errorCode: code });
  };
  await refused(OWN_KEY, 'openai', 401, 'invalid_key');
  await refused(CLIENT_KEY, 'nobody', 404, 'unknown_provider');
  t.equal(strict.up.requests.length, 0, 'nothing went upstream');
  t.equal(strict.factsLeft, 0, 'each was asked once');
  await lab.lab.check(t);
});
