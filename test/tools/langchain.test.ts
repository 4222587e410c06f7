import t from 'tap';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';
import { chatStream, INPUT_TOKENS, messagesStream, OUTPUT_TOKENS, TEXT } from '../sdks/answers.ts';
import { CLIENT_KEY, POOL_KEY, readStream, startSdkLab, withEnvironment } from '../sdks/sdk-lab.ts';
import { importPackage, toolTest } from './tool-run.ts';

interface Chunk {
  readonly text: string;
}

interface ChatModel {
  invoke(prompt: string): Promise<Chunk>;
  stream(prompt: string): Promise<AsyncIterable<Chunk>>;
}

type ChatClass = new (options: Readonly<Record<string, unknown>>) => ChatModel;

const USAGE = { inputTokens: INPUT_TOKENS, outputTokens: OUTPUT_TOKENS, usageSource: 'provider' } as const;

toolTest(t, 'LangChain JS', async t => {
  const lab = await startSdkLab(t, { providers: ['openai', 'anthropic'] });
  const { ChatOpenAI } = await importPackage<{ ChatOpenAI: ChatClass }>('@langchain/openai');
  const { ChatAnthropic } = await importPackage<{ ChatAnthropic: ChatClass }>('@langchain/anthropic');
  const told = { operation: 'chat', auth: 'virtual', outcome: 'complete' } as const;

  await t.test('ChatOpenAI, by OPENAI_BASE_URL', async t => {
    await withEnvironment(
      { OPENAI_BASE_URL: lab.base('demo', '/v1'), OPENAI_API_KEY: CLIENT_KEY },
      async () => {
        const model = new ChatOpenAI({ model: 'gauge-1' });
        t.equal((await model.invoke('hi')).text, SCRIPT_TEXT);
        await lab.expectFact(t, {
          ...told,
          provider: 'demo',
          dialect: 'openai-chat',
          outputTokens: SCRIPT_PIECES.length,
        });
      },
    );
    const { script, hold } = chatStream('own event');
    lab.up.reply(script, { once: true });
    const model = new ChatOpenAI({
      model: 'gauge-1',
      apiKey: CLIENT_KEY,
      configuration: { baseURL: lab.base('openai', '/v1') },
    });
    const streamed = await readStream(await model.stream('hi'), chunk => chunk.text, hold.open);
    t.strictSame(streamed, { text: TEXT, pieces: 3 });
    const request = await lab.expectManaged(t, 'authorization', `Bearer ${POOL_KEY}`);
    t.match(
      JSON.parse(request.body.toString()),
      { stream_options: { include_usage: true } },
      'it asks for usage itself',
    );
    await lab.expectFact(t, { ...told, provider: 'openai', dialect: 'openai-chat', stream: true, ...USAGE });
  });

  await t.test('ChatAnthropic, by anthropicApiUrl', async t => {
    const { script, hold } = messagesStream();
    lab.up.reply(script, { once: true });
    const model = new ChatAnthropic({
      model: 'gauge-1',
      maxTokens: 99,
      apiKey: CLIENT_KEY,
      anthropicApiUrl: lab.base('anthropic'),
    });
    const streamed = await readStream(await model.stream('hi'), chunk => chunk.text, hold.open);
    t.strictSame(streamed, { text: TEXT, pieces: 3 });
    await lab.expectManaged(t, 'x-api-key');
    await lab.expectFact(t, {
      ...told,
      provider: 'anthropic',
      dialect: 'anthropic-messages',
      stream: true,
      ...USAGE,
    });
  });
  await lab.lab.check(t);
});
