import t from 'tap';
import { mistral } from '../../../lib/dialects/mistral/index.ts';
import { openai } from '../../../lib/dialects/openai/index.ts';
import { errorRow } from '../../../lib/errors/index.ts';
import { foldJson, foldOf, known } from '../fold-documents.ts';

const chat = mistral.match('POST', ['v1', 'chat', 'completions']);

t.test('chat is its own, all else as in the family it follows', t => {
  t.hasStrict(chat, {
    name: 'mistral',
    family: 'mistral',
    operation: 'chat',
    streams: 'body',
    includeUsageOption: false,
  });
  t.hasStrict(mistral.match('POST', ['v1', 'agents', 'completions']), { name: 'mistral', operation: 'chat' });
  t.hasStrict(mistral.match('POST', ['v1', 'fim', 'completions']), {
    name: 'mistral',
    operation: 'completion',
    streams: 'body',
    mandatoryEnd: true,
  });
  for (const path of ['v1/embeddings', 'v1/moderations', 'v1/audio/transcriptions']) {
    t.equal(mistral.match('POST', path.split('/')), openai.match('POST', path.split('/')), path);
  }
  t.equal(mistral.match('GET', ['v1', 'models'])?.operation, 'models');
  t.equal(mistral.match('GET', ['v1', 'chat', 'completions'])?.operation, 'other');
  t.end();
});

t.test('audio is outside the prompt where the total proves it', t => {
  const body = (total: number) => ({
    model: 'v-1',
    choices: [{ index: 0, finish_reason: 'stop' }],
    usage: {
      prompt_audio_seconds: 4,
      prompt_tokens: 9,
      completion_tokens: 20,
      total_tokens: total,
      prompt_tokens_details: { cached_tokens: 0, audio_tokens: 300 },
    },
  });
  t.same(known(foldJson(chat, body(329)).usage), {
    modelServed: 'v-1',
    finishReason: 'stop',
    inputTokens: 309,
    outputTokens: 20,
    cachedInputTokens: 0,
    audioTokens: 300,
    totalTokens: 329,
    audioInputTokens: 300,
    audioMs: 4000,
  });
  t.equal(foldJson(chat, body(29)).usage.inputTokens, 9, 'inside it');
  const elsewhere = openai.match('POST', ['v1', 'chat', 'completions']);
  t.equal(foldJson(elsewhere, body(329)).usage.inputTokens, 9, 'a rule of this family only');
  t.end();
});

t.test('a stream has its usage on the chunk with the reason', t => {
  const usage = { prompt_tokens: 5, completion_tokens: 6, total_tokens: 11, num_cached_tokens: 2 };
  const fold = foldOf(chat, [
    { json: { model: 'v-1', choices: [{ index: 0, delta: {}, finish_reason: null }] } },
    { json: { model: 'v-1', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }], usage, p: 'abc' } },
    { text: '[DONE]' },
  ]);
  t.hasStrict(fold.usage, { inputTokens: 5, outputTokens: 6, cachedInputTokens: 2, finishReason: 'stop' });
  t.equal(fold.ended, true);
  t.end();
});

t.test('errors are worded as in the family it follows', t => {
  const row = errorRow('not_granted');
  t.same(mistral.error(row, 'r'), openai.error(row, 'r'));
  t.end();
});
