import t from 'tap';
import { openai } from '../../../lib/dialects/openai/index.ts';
import { foldJson, foldOf, known, PLAIN_TRAITS } from '../fold-documents.ts';

const responses = openai.match('POST', ['v1', 'responses']);
const compact = openai.match('POST', ['v1', 'responses', 'compact']);

const USAGE = {
  input_tokens: 40,
  input_tokens_details: { cached_tokens: 32, cache_write_tokens: 4 },
  output_tokens: 9,
  output_tokens_details: { reasoning_tokens: 5 },
  total_tokens: 49,
};
const READ = {
  inputTokens: 40,
  cachedInputTokens: 32,
  cacheWriteTokens: 4,
  outputTokens: 9,
  reasoningTokens: 5,
  totalTokens: 49,
};
const lifecycle = (type: string, status: string, usage: object | null) => ({
  event: type,
  json: { type, response: { model: 'm-1', status, usage, error: null } },
});

t.test('a JSON answer', t => {
  const fold = foldJson(responses, {
    object: 'response',
    status: 'completed',
    model: 'm-1',
    error: null,
    usage: USAGE,
  });
  t.same(known(fold.usage), { ...READ, modelServed: 'm-1', finishReason: 'completed' });
  t.equal(fold.ended, true);
  t.end();
});

t.test('a stream: usage is on the last lifecycle event, and output items have a status of their own', t => {
  const fold = foldOf(responses, [
    lifecycle('response.created', 'in_progress', null),
    {
      event: 'response.output_item.done',
      json: { type: 'response.output_item.done', item: { status: 'completed' } },
    },
  ]);
  t.equal(fold.ended, false);
  t.equal(fold.usage.finishReason, null, 'a cut stream has not finished');
  for (const [type, status] of [
    ['response.completed', 'completed'],
    ['response.incomplete', 'incomplete'],
    ['response.failed', 'failed'],
  ] as const) {
    const whole = foldOf(responses, [
      lifecycle('response.created', 'in_progress', null),
      lifecycle(type, status, { ...USAGE, cost: 2e-6 }),
    ]);
    t.same(known(whole.usage), { ...READ, modelServed: 'm-1', finishReason: status, costNanos: 2000 });
    t.equal(whole.ended, true, type);
  }
  t.end();
});

t.test('the type in the data counts where there is no event name', t => {
  const { json } = lifecycle('response.completed', 'completed', USAGE);
  t.equal(foldOf(responses, [{ json }]).ended, true);
  t.end();
});

t.test('an error ends a stream with no usage at all', t => {
  const fold = foldOf(responses, [
    lifecycle('response.created', 'in_progress', null),
    { event: 'error', json: { type: 'error', error: { code: 'insufficient_quota', message: 'no' } } },
  ]);
  t.equal(fold.ended, true);
  t.same(known(fold.usage), { modelServed: 'm-1', stated: false });
  t.equal(foldOf(responses, [{ json: { error: { message: 'bad' } } }]).ended, true);
  for (const type of [
    'error',
    'response.completed',
    'response.failed',
    'response.incomplete',
    'response.cancelled',
  ]) {
    t.equal(foldOf(responses, [{ json: { type } }]).ended, true, type);
  }
  t.end();
});

t.test('reasoning is inside the output whatever the row says of chat', t => {
  const fold = foldJson(responses, { usage: USAGE }, { ...PLAIN_TRAITS, reasoningOutsideOutput: true });
  t.equal(fold.usage.outputTokens, 9);
  t.end();
});

t.test('compaction has usage but neither model nor status', t => {
  t.same(known(foldJson(compact, { object: 'response.compaction', output: [], usage: USAGE }).usage), READ);
  t.end();
});

t.test('a response that waits in a queue has not finished', t => {
  const fold = foldJson(responses, { model: 'm-1', status: 'queued', usage: null });
  t.equal(fold.usage.finishReason, null);
  t.equal(fold.ended, false);
  t.equal(responses?.mandatoryEnd, true);
  t.end();
});
