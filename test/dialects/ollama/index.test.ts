import t from 'tap';
import { ollama } from '../../../lib/dialects/ollama/index.ts';
import { errorRow } from '../../../lib/errors/index.ts';

t.test('the native API', t => {
  for (const [method, path, operation, streams] of [
    ['POST', 'api/chat', 'chat', 'bodyDefaultTrue'],
    ['POST', 'api/generate', 'completion', 'bodyDefaultTrue'],
    ['POST', 'api/embed', 'embedding', 'never'],
    ['POST', 'api/embeddings', 'embedding', 'never'],
    ['GET', 'api/tags', 'models', 'never'],
    ['HEAD', 'api/tags', 'models', 'never'],
    ['HEAD', 'api/version', 'models', 'never'],
    ['POST', 'api/show', 'models', 'never'],
    ['GET', 'api/ps', 'models', 'never'],
    ['GET', 'api/version', 'models', 'never'],
    ['POST', 'api/pull', 'other', 'never'],
    ['POST', 'api/push', 'other', 'never'],
    ['POST', 'api/create', 'other', 'never'],
    ['POST', 'api/copy', 'other', 'never'],
    ['DELETE', 'api/delete', 'other', 'never'],
    ['POST', 'api/blobs/sha256:1', 'other', 'never'],
    ['POST', 'base/api/chat', 'chat', 'bodyDefaultTrue'],
  ] as const) {
    const endpoint = ollama.match(method, path.split('/'));
    t.hasStrict(
      endpoint,
      { name: 'ollama', family: 'ollama', operation, streams, pathModel: null },
      `${method} ${path}`,
    );
  }
  t.end();
});

t.test('what this family does not know', t => {
  for (const [method, path] of [
    ['POST', 'v1/chat/completions'],
    ['POST', 'chat'],
    ['GET', 'api/chat'],
    ['POST', 'api/other'],
    ['POST', 'api'],
  ] as const) {
    t.equal(ollama.match(method, path.split('/')), null, `${method} ${path}`);
  }
  t.end();
});

t.test('the error is a text', t => {
  const row = errorRow('invalid_key');
  t.same(JSON.parse(ollama.error(row, 'req-9').body), { error: row.message });
  t.end();
});
