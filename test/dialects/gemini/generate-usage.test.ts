import t from 'tap';
import { gemini } from '../../../lib/dialects/gemini/index.ts';
import { foldJson, foldOf, known, type Piece } from '../fold-documents.ts';

const generate = gemini.match('POST', ['v1beta', 'models', 'g-1:generateContent']);
const embed = gemini.match('POST', ['v1beta', 'models', 'e-1:embedContent']);

const chunk = (usageMetadata: object | undefined, finishReason?: string): Piece => ({
  json: {
    candidates: [
      { content: { parts: [{ text: 'x' }] }, ...(finishReason === undefined ? {} : { finishReason }) },
    ],
    modelVersion: 'g-1-001',
    ...(usageMetadata === undefined ? {} : { usageMetadata }),
  },
});

t.test('tool use is input, thoughts are output', t => {
  const fold = foldJson(generate, {
    candidates: [{ finishReason: 'STOP' }],
    modelVersion: 'g-1-001',
    usageMetadata: {
      promptTokenCount: 30,
      toolUsePromptTokenCount: 70,
      candidatesTokenCount: 8,
      thoughtsTokenCount: 12,
      cachedContentTokenCount: 25,
      totalTokenCount: 120,
      promptTokensDetails: [
        { modality: 'TEXT', tokenCount: 10 },
        { modality: 'AUDIO', tokenCount: 15 },
        { modality: 'IMAGE', tokenCount: 5 },
      ],
      candidatesTokensDetails: [
        { modality: 'AUDIO', tokenCount: 6 },
        { modality: 'IMAGE', tokenCount: 2 },
      ],
    },
  });
  t.same(known(fold.usage), {
    modelServed: 'g-1-001',
    finishReason: 'STOP',
    inputTokens: 100,
    outputTokens: 20,
    cachedInputTokens: 25,
    reasoningTokens: 12,
    audioTokens: 21,
    totalTokens: 120,
    toolUsePromptTokens: 70,
    audioInputTokens: 15,
    audioOutputTokens: 6,
    imageInputTokens: 5,
    imageOutputTokens: 2,
  });
  t.equal(fold.ended, true);
  t.end();
});

t.test('the last chunk with counts wins whole, also where it says less', t => {
  const fold = foldOf(generate, [
    chunk({ promptTokenCount: 169, totalTokenCount: 169 }),
    chunk({ promptTokenCount: 200, candidatesTokenCount: 5, thoughtsTokenCount: 40, totalTokenCount: 245 }),
    chunk({ promptTokenCount: 79, candidatesTokenCount: 12, totalTokenCount: 91 }, 'STOP'),
  ]);
  t.same(known(fold.usage), {
    modelServed: 'g-1-001',
    finishReason: 'STOP',
    inputTokens: 79,
    outputTokens: 12,
    totalTokens: 91,
  });
  t.end();
});

t.test('metadata without counts says nothing', t => {
  const fold = foldOf(generate, [
    chunk({ promptTokenCount: 3, candidatesTokenCount: 4, totalTokenCount: 7 }),
    chunk({ trafficType: 'ON_DEMAND' }, 'STOP'),
  ]);
  t.equal(fold.usage.inputTokens, 3);
  t.equal(fold.usage.outputTokens, 4);
  t.end();
});

t.test('zeros are left out on the wire', t => {
  t.equal(foldOf(generate, [chunk({ promptTokenCount: 9, thoughtsTokenCount: 7 })]).usage.outputTokens, 7);
  const none = foldOf(generate, [chunk({ candidatesTokenCount: 18, thoughtsTokenCount: 58 })]);
  t.equal(none.usage.inputTokens, null, 'an input nobody stated is unknown');
  t.equal(none.usage.outputTokens, 76);
  t.equal(foldOf(generate, [chunk({ promptTokenCount: 9 })]).usage.outputTokens, null);
  t.end();
});

t.test('what ends a stream', t => {
  t.equal(foldOf(generate, [chunk({ promptTokenCount: 9 })]).ended, false);
  t.equal(foldOf(generate, [chunk(undefined, 'MAX_TOKENS')]).ended, true);
  const second = foldOf(generate, [{ json: { candidates: [{ index: 1, finishReason: 'STOP' }] } }]);
  t.equal(second.ended, false, 'the other candidate is not the end');
  t.equal(second.usage.finishReason, null);
  const blocked = foldJson(generate, {
    promptFeedback: { blockReason: 'SAFETY' },
    modelVersion: 'g-1-001',
    usageMetadata: { trafficType: 'ON_DEMAND' },
  });
  t.equal(blocked.ended, true);
  t.same(known(blocked.usage), { modelServed: 'g-1-001', stated: false });
  t.equal(
    foldJson(generate, { error: { code: 429, message: 'no', status: 'RESOURCE_EXHAUSTED' } }).ended,
    true,
  );
  t.end();
});

t.test('embeddings', t => {
  const fold = foldJson(embed, {
    embedding: { values: [0.1] },
    usageMetadata: { promptTokenCount: 11, totalTokenCount: 11 },
  });
  t.same(known(fold.usage), { inputTokens: 11, totalTokens: 11 });
  t.end();
});

t.test('details that are no list of parts say nothing', t => {
  for (const promptTokensDetails of [{ modality: 'AUDIO', tokenCount: 3 }, 'AUDIO', [null, 7]]) {
    const fold = foldOf(generate, [chunk({ promptTokenCount: 9, promptTokensDetails })]);
    t.equal(fold.usage.audioTokens, null);
    t.equal(fold.usage.inputTokens, 9);
  }
  t.end();
});

t.test('bad numbers are dropped', t => {
  const fold = foldOf(generate, [chunk({ promptTokenCount: '9', candidatesTokenCount: 2 })]);
  t.same(known(fold.usage), { modelServed: 'g-1-001', outputTokens: 2, invalid: true });
  t.end();
});

t.test('messages under rawPredict are read as messages', t => {
  const raw = gemini.match('POST', 'publishers/anthropic/models/c:rawPredict'.split('/'));
  const fold = foldJson(raw, {
    type: 'message',
    usage: { input_tokens: 3, cache_read_input_tokens: 4, output_tokens: 5 },
  });
  t.equal(fold.usage.inputTokens, 7);
  t.end();
});
