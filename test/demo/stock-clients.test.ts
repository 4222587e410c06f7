import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import t from 'tap';
import { startDemoOrigin } from '../../lib/demo/index.ts';
import { SCRIPT_PIECES, SCRIPT_TEXT } from '../../lib/demo/script.ts';

/** What the demo sends must be what stock clients read: they are the judges of its dialects. */
const demo = await startDemoOrigin({ eventDelayMs: 0 });
t.teardown(() => demo.close());
const messages = [{ role: 'user' as const, content: 'hello' }];

t.test('chat, completions, responses, embeddings, models', async t => {
  const client = new OpenAI({ baseURL: `${demo.origin}/v1`, apiKey: 'none', maxRetries: 0 });
  const chat = await client.chat.completions.create({ model: 'demo', messages });
  t.equal(chat.choices[0]?.message.content, SCRIPT_TEXT);

  const runner = client.chat.completions.stream({
    model: 'demo',
    messages,
    stream_options: { include_usage: true },
  });
  t.equal(await runner.finalContent(), SCRIPT_TEXT);
  t.equal((await runner.totalUsage()).completion_tokens, SCRIPT_PIECES.length);

  let text = '';
  const legacy = await client.completions.create({ model: 'demo', prompt: 'x', stream: true });
  for await (const chunk of legacy) text += chunk.choices[0]?.text ?? '';
  t.equal(text, SCRIPT_TEXT);

  t.equal((await client.responses.create({ model: 'demo', input: 'x' })).output_text, SCRIPT_TEXT);
  const response = await client.responses.stream({ model: 'demo', input: 'x' }).finalResponse();
  t.equal(response.output_text, SCRIPT_TEXT);
  t.equal(response.usage?.output_tokens, SCRIPT_PIECES.length);

  const embedded = await client.embeddings.create({ model: 'demo', input: 'x', dimensions: 4 });
  t.equal(embedded.data[0]?.embedding.length, 4);
  t.equal((await client.models.list()).data[0]?.id, 'demo');
});

t.test('messages', async t => {
  const client = new Anthropic({ baseURL: demo.origin, apiKey: 'none', maxRetries: 0 });
  const whole = await client.messages.create({ model: 'demo', max_tokens: 99, messages });
  t.match(whole.content[0], { type: 'text', text: SCRIPT_TEXT });
  const streamed = await client.messages.stream({ model: 'demo', max_tokens: 99, messages }).finalMessage();
  t.match(streamed.content[0], { type: 'text', text: SCRIPT_TEXT });
  t.equal(streamed.usage.output_tokens, SCRIPT_PIECES.length);
  t.ok((await client.messages.countTokens({ model: 'demo', messages })).input_tokens > 0);
  t.equal((await client.models.list()).data[0]?.id, 'demo');
});

t.test('generate-content', async t => {
  const client = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: demo.origin } });
  const whole = await client.models.generateContent({ model: 'demo', contents: 'x' });
  t.equal(whole.text, SCRIPT_TEXT);
  let text = '';
  let output: number | undefined;
  for await (const step of await client.models.generateContentStream({ model: 'demo', contents: 'x' })) {
    text += step.text ?? '';
    output = step.usageMetadata?.candidatesTokenCount;
  }
  t.equal(text, SCRIPT_TEXT);
  t.equal(output, SCRIPT_PIECES.length);
  t.equal((await client.models.countTokens({ model: 'demo', contents: 'x' })).totalTokens! > 0, true);
});
