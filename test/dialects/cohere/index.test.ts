import t from 'tap';
import { cohere } from '../../../lib/dialects/cohere/index.ts';
import { errorRow } from '../../../lib/errors/index.ts';

t.test('both versions, by the end of the path', t => {
  for (const [method, path, operation, streams] of [
    ['POST', 'v1/chat', 'chat', 'body'],
    ['POST', 'v2/chat', 'chat', 'body'],
    ['POST', 'v1/generate', 'completion', 'body'],
    ['POST', 'v1/embed', 'embedding', 'never'],
    ['POST', 'v2/embed', 'embedding', 'never'],
    ['POST', 'v1/rerank', 'rerank', 'never'],
    ['POST', 'v2/rerank', 'rerank', 'never'],
    ['POST', 'v1/classify', 'other', 'never'],
    ['POST', 'v1/tokenize', 'count_tokens', 'never'],
    ['POST', 'v1/detokenize', 'count_tokens', 'never'],
    ['GET', 'v1/models', 'models', 'never'],
    ['GET', 'v1/models/m-1', 'models', 'never'],
  ] as const) {
    const endpoint = cohere.match(method, path.split('/'));
    t.hasStrict(
      endpoint,
      { name: 'cohere', family: 'cohere', operation, streams, pathModel: null },
      `${method} ${path}`,
    );
  }
  t.hasStrict(cohere.match('POST', ['v2', 'audio', 'transcriptions']), {
    name: 'openai-audio',
    operation: 'transcription',
    usage: null,
  });
  t.equal(cohere.match('POST', ['v1', 'tokenize'])?.usage, null);
  t.end();
});

t.test('what this family does not know', t => {
  for (const [method, path] of [
    ['GET', 'v1/chat'],
    ['POST', 'compatibility/v1/chat/completions'],
    ['GET', 'compatibility/v1/models'],
    ['POST', 'v1/models'],
    ['POST', 'v1/datasets'],
  ] as const) {
    t.equal(cohere.match(method, path.split('/')), null, `${method} ${path}`);
  }
  t.end();
});

t.test('the error', t => {
  const row = errorRow('invalid_key');
  t.same(JSON.parse(cohere.error(row, 'req-9').body), { message: row.message });
  t.end();
});
