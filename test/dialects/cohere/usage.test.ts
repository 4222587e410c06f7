import t from 'tap';
import { cohere } from '../../../lib/dialects/cohere/index.ts';
import { foldJson, foldOf, known } from '../fold-documents.ts';

const at = (path: string) => cohere.match('POST', path.split('/'));

const USAGE = {
  billed_units: { input_tokens: 18.0, output_tokens: 3 },
  tokens: { input_tokens: 160, output_tokens: 6 },
  cached_tokens: 112,
};
const READ = {
  finishReason: 'COMPLETE',
  inputTokens: 160,
  outputTokens: 6,
  cachedInputTokens: 112,
  billedInputTokens: 18,
  billedOutputTokens: 3,
};

t.test('what was processed and what is billed are two things', t => {
  const fold = foldJson(at('v2/chat'), {
    id: 'c',
    finish_reason: 'COMPLETE',
    message: { content: [] },
    usage: USAGE,
  });
  t.same(known(fold.usage), READ);
  t.equal(fold.ended, true);
  t.end();
});

t.test('a v2 stream', t => {
  const text = { event: 'content-delta', json: { type: 'content-delta', delta: { message: {} } } };
  const end = {
    event: 'message-end',
    json: { type: 'message-end', delta: { finish_reason: 'COMPLETE', usage: USAGE } },
  };
  t.equal(foldOf(at('v2/chat'), [text]).ended, false);
  const fold = foldOf(at('v2/chat'), [text, end]);
  t.same(known(fold.usage), READ);
  t.equal(fold.ended, true);
  t.equal(foldOf(at('v2/chat'), [{ json: { type: 'message-end', delta: {} } }]).ended, true);
  t.equal(foldOf(at('v2/chat'), [{ event: 'message-end', json: { delta: {} } }]).ended, true);
  t.equal(at('v2/chat')?.mandatoryEnd, true);
  t.equal(at('v1/generate')?.mandatoryEnd, true);
  t.equal(foldOf(at('v1/chat'), [{ json: { event_type: 'stream-end' } }]).ended, true);
  t.end();
});

t.test('version 1, as JSON and as lines', t => {
  const meta = { tokens: USAGE.tokens, billed_units: USAGE.billed_units };
  const read = { ...READ, cachedInputTokens: undefined };
  t.hasStrict(known(foldJson(at('v1/chat'), { finish_reason: 'COMPLETE', meta }).usage), read);
  const fold = foldOf(at('v1/chat'), [
    { json: { is_finished: false, event_type: 'text-generation', text: 'x' } },
    { json: { is_finished: true, event_type: 'stream-end', finish_reason: 'COMPLETE', response: { meta } } },
  ]);
  t.hasStrict(known(fold.usage), read);
  t.equal(fold.ended, true);
  t.end();
});

t.test('billed units alone are the input and output', t => {
  const meta = { billed_units: { input_tokens: 5, output_tokens: 55 } };
  const fold = foldJson(at('v1/generate'), { generations: [{ text: 'x', finish_reason: 'COMPLETE' }], meta });
  t.same(known(fold.usage), {
    finishReason: 'COMPLETE',
    inputTokens: 5,
    outputTokens: 55,
    billedInputTokens: 5,
    billedOutputTokens: 55,
  });
  t.end();
});

t.test('embed and rerank', t => {
  const embed = foldJson(at('v2/embed'), { embeddings: {}, meta: { billed_units: { input_tokens: 7 } } });
  t.same(known(embed.usage), { inputTokens: 7, billedInputTokens: 7 });
  const rerank = foldJson(at('v2/rerank'), { results: [], meta: { billed_units: { search_units: 1 } } });
  t.same(known(rerank.usage), { searchUnits: 1 });
  const none = foldJson(at('v1/embed'), { embeddings: [], meta: { api_version: { version: '1' } } });
  t.same(known(none.usage), { stated: false });
  t.end();
});
