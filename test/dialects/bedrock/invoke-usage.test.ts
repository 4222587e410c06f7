import t from 'tap';
import { bedrock } from '../../../lib/dialects/bedrock/index.ts';
import { foldJson, foldOf, known, type Piece, PLAIN_TRAITS } from '../fold-documents.ts';

const invoke = bedrock.match('POST', ['model', 'm', 'invoke']);
const stream = bedrock.match('POST', ['model', 'm', 'invoke-with-response-stream']);

const METRICS = 'amazon-bedrock-invocationMetrics';
const HEADERS = [
  'X-Amzn-Bedrock-Input-Token-Count',
  '40',
  'x-amzn-bedrock-output-token-count',
  '8',
  'x-amzn-bedrock-cache-read-input-token-count',
  '5',
  'x-amzn-bedrock-cache-write-input-token-count',
  '2',
];

t.test('bodies of the model families', t => {
  for (const [body, expected] of [
    [
      {
        type: 'message',
        model: 'c-1',
        stop_reason: 'end_turn',
        usage: {
          input_tokens: 10,
          cache_read_input_tokens: 5,
          cache_creation_input_tokens: 8,
          output_tokens: 15,
        },
      },
      {
        modelServed: 'c-1',
        finishReason: 'end_turn',
        inputTokens: 23,
        cachedInputTokens: 5,
        cacheWriteTokens: 8,
        outputTokens: 15,
      },
    ],
    [
      { inputTextTokenCount: 6, results: [{ tokenCount: 9, completionReason: 'FINISH', outputText: 'x' }] },
      { inputTokens: 6, outputTokens: 9, finishReason: 'FINISH' },
    ],
    [{ embedding: [0.1], inputTextTokenCount: 4 }, { inputTokens: 4 }],
    [
      { generation: 'x', prompt_token_count: 7, generation_token_count: 3, stop_reason: 'stop' },
      { inputTokens: 7, outputTokens: 3, finishReason: 'stop' },
    ],
    [
      {
        stopReason: 'end_turn',
        usage: {
          inputTokens: 2,
          outputTokens: 4,
          cacheReadInputTokenCount: 30,
          cacheWriteInputTokenCount: 1,
        },
      },
      {
        inputTokens: 33,
        cachedInputTokens: 30,
        cacheWriteTokens: 1,
        outputTokens: 4,
        finishReason: 'end_turn',
      },
    ],
    [
      {
        choices: [{ finish_reason: 'length' }],
        model: 'o-1',
        usage: { prompt_tokens: 5, completion_tokens: 6 },
      },
      { modelServed: 'o-1', inputTokens: 5, outputTokens: 6, finishReason: 'length' },
    ],
    [
      {
        metadata: {
          usage: { inputTokens: 3, cacheReadInputTokens: 4, cacheWriteInputTokens: 5, outputTokens: 6 },
        },
      },
      { inputTokens: 12, cachedInputTokens: 4, cacheWriteTokens: 5, outputTokens: 6 },
    ],
    [
      { metadata: { usage: { inputTokens: 1, cacheReadInputTokenCount: 2, cacheWriteInputTokenCount: 3 } } },
      { inputTokens: 6, cachedInputTokens: 2, cacheWriteTokens: 3 },
    ],
    [
      { usage: { inputTokens: 1, cacheReadInputTokens: 2, cacheWriteInputTokens: 3 } },
      { inputTokens: 6, cachedInputTokens: 2, cacheWriteTokens: 3 },
    ],
    [{ messageStop: { stopReason: 'end_turn' } }, { finishReason: 'end_turn', stated: false }],
    [
      { generations: [{ text: 'x', finish_reason: 'COMPLETE' }] },
      { finishReason: 'COMPLETE', stated: false },
    ],
    [
      { is_finished: true, finish_reason: 'COMPLETE' },
      { finishReason: 'COMPLETE', stated: false },
    ],
    [{ choices: [{ text: 'x', stop_reason: 'stop' }] }, { finishReason: 'stop', stated: false }],
    [{ outputs: [{ text: 'x', stop_reason: 'length' }] }, { finishReason: 'length', stated: false }],
  ] as const) {
    t.same(known(foldJson(invoke, body).usage), expected);
  }
  t.end();
});

t.test('the stream of a family that is one chunk', t => {
  const json = {
    outputText: 'x',
    inputTextTokenCount: 3,
    totalOutputTextTokenCount: 5,
    completionReason: 'FINISH',
  };
  t.same(known(foldOf(stream, [{ event: 'chunk', json }]).usage), {
    inputTokens: 3,
    outputTokens: 5,
    finishReason: 'FINISH',
  });
  t.end();
});

t.test('response headers speak where the body does not', t => {
  const silent: Piece = { json: { outputs: [{ text: 'x', stop_reason: 'stop' }] } };
  t.same(known(foldOf(invoke, [silent], PLAIN_TRAITS, HEADERS).usage), {
    finishReason: 'stop',
    inputTokens: 47,
    cachedInputTokens: 5,
    cacheWriteTokens: 2,
    outputTokens: 8,
  });
  t.equal(foldOf(invoke, [], PLAIN_TRAITS, HEADERS).usage.outputTokens, 8, 'even before the body');
  const spoken: Piece = { json: { prompt_token_count: 7, generation_token_count: 3 } };
  t.same(known(foldOf(invoke, [spoken], PLAIN_TRAITS, HEADERS).usage), { inputTokens: 7, outputTokens: 3 });
  t.end();
});

t.test('a header that is no count', t => {
  for (const value of ['', '-1', '1.5', 'many', '0x10', '99999999999999']) {
    const fold = foldOf(invoke, [], PLAIN_TRAITS, ['x-amzn-bedrock-input-token-count', value]);
    t.equal(fold.usage.inputTokens, null, value);
    t.equal(fold.usage.invalid, true, value);
  }
  t.end();
});

t.test('a stream of messages: its own counts before the metrics of the service', t => {
  const chunk = (json: object): Piece => ({ event: 'chunk', json });
  const fold = foldOf(stream, [
    chunk({ bytes: 'e30=', p: 'abc' }),
    chunk({
      type: 'message_start',
      message: { model: 'c-1', usage: { input_tokens: 37, output_tokens: 1 } },
    }),
    chunk({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 8 } }),
    chunk({ type: 'message_stop', [METRICS]: { inputTokenCount: 99, outputTokenCount: 98 } }),
  ]);
  t.same(known(fold.usage), {
    modelServed: 'c-1',
    finishReason: 'end_turn',
    inputTokens: 37,
    outputTokens: 8,
  });
  t.equal(fold.ended, true);
  t.end();
});

t.test('metrics where the model says nothing, each side on its own', t => {
  const trailer = {
    [METRICS]: {
      inputTokenCount: 12,
      outputTokenCount: 4,
      cacheReadInputTokenCount: 3,
      cacheWriteInputTokenCount: 1,
    },
  };
  t.same(known(foldOf(stream, [{ json: { generation: 'x' } }, { json: trailer }]).usage), {
    inputTokens: 16,
    cachedInputTokens: 3,
    cacheWriteTokens: 1,
    outputTokens: 4,
  });
  const half = foldOf(stream, [{ json: { inputTextTokenCount: 6 } }, { json: trailer }]);
  t.equal(half.usage.inputTokens, 6);
  t.equal(half.usage.outputTokens, 4);
  t.end();
});

t.test('a stream of another family', t => {
  const fold = foldOf(stream, [
    {
      event: 'chunk',
      json: { generation: 'a', prompt_token_count: 10, generation_token_count: 1, stop_reason: null },
    },
    {
      event: 'chunk',
      json: { generation: 'b', prompt_token_count: null, generation_token_count: 2, stop_reason: 'stop' },
    },
  ]);
  t.same(known(fold.usage), { inputTokens: 10, outputTokens: 2, finishReason: 'stop' });
  t.equal(fold.ended, true);
  t.end();
});

t.test('an exception event ends a stream', t => {
  t.equal(foldOf(stream, [{ event: 'modelStreamErrorException', json: { message: 'no' } }]).ended, true);
  for (const type of ['error', 'message_stop']) {
    t.equal(foldOf(stream, [{ event: 'chunk', json: { type } }]).ended, true, type);
  }
  t.equal(foldOf(stream, [{ event: 'chunk', json: { generation: 'x' } }]).ended, false);
  t.end();
});

t.test('the payload of chunk events is asked for', t => {
  t.ok(stream?.usage?.pointers.pointers.includes('/bytes'));
  t.end();
});
