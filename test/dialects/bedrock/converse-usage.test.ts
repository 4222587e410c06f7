import t from 'tap';
import { bedrock } from '../../../lib/dialects/bedrock/index.ts';
import { foldJson, foldOf, known } from '../fold-documents.ts';

const converse = bedrock.match('POST', ['model', 'm', 'converse']);
const stream = bedrock.match('POST', ['model', 'm', 'converse-stream']);

t.test('the input is the sum of the three, the total is as stated', t => {
  const fold = foldJson(converse, {
    output: { message: { content: [{ text: 'x' }] } },
    stopReason: 'tool_use',
    usage: {
      inputTokens: 3,
      cacheReadInputTokens: 50,
      cacheWriteInputTokens: 7,
      outputTokens: 9,
      totalTokens: 69,
    },
    trace: {
      guardrail: { inputAssessment: { g: { invocationMetrics: { usage: { topicPolicyUnits: 1 } } } } },
    },
  });
  t.same(known(fold.usage), {
    finishReason: 'tool_use',
    inputTokens: 60,
    cachedInputTokens: 50,
    cacheWriteTokens: 7,
    outputTokens: 9,
    totalTokens: 69,
  });
  t.equal(fold.ended, true);
  t.end();
});

t.test('the other spelling of the cache counts, once', t => {
  const fold = foldJson(converse, {
    usage: { inputTokens: 3, cacheReadInputTokenCount: 50, cacheWriteInputTokenCount: 7, outputTokens: 9 },
  });
  t.equal(fold.usage.inputTokens, 60);
  const both = foldJson(converse, {
    usage: { inputTokens: 3, cacheReadInputTokenCount: 50, cacheReadInputTokens: 50, outputTokens: 9 },
  });
  t.equal(both.usage.inputTokens, 53);
  t.end();
});

t.test('a stream', t => {
  const text = { event: 'contentBlockDelta', json: { delta: { text: 'x' } } };
  const stop = { event: 'messageStop', json: { stopReason: 'end_turn' } };
  const metadata = {
    event: 'metadata',
    json: { usage: { inputTokens: 3, outputTokens: 9, totalTokens: 12 } },
  };
  t.equal(foldOf(stream, [text]).ended, false);
  t.equal(foldOf(stream, [metadata]).ended, true);
  t.equal(foldOf(stream, [text, { event: 'throttlingException', json: { message: 'slow' } }]).ended, true);
  const fold = foldOf(stream, [text, stop, metadata]);
  t.same(known(fold.usage), { finishReason: 'end_turn', inputTokens: 3, outputTokens: 9, totalTokens: 12 });
  t.equal(fold.ended, true);
  t.end();
});

t.test('an error has no usage', t => {
  t.same(known(foldJson(converse, { message: 'no' }).usage), { stated: false });
  t.end();
});
