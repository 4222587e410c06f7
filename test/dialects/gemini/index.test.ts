import t from 'tap';
import { gemini } from '../../../lib/dialects/gemini/index.ts';
import { errorRow } from '../../../lib/errors/index.ts';

const PROJECT = 'v1beta1/projects/p/locations/l/publishers';

t.test('calls: the model before the colon, the verb after it', t => {
  for (const [path, name, operation, streams, pathModel] of [
    ['v1beta/models/g-1:generateContent', 'gemini', 'chat', 'never', 'g-1'],
    ['g-1:generateContent', 'gemini', 'chat', 'never', 'g-1'],
    ['v1beta/models/g-1:streamGenerateContent', 'gemini', 'chat', 'path', 'g-1'],
    ['v1beta/models/e-1:embedContent', 'gemini-embeddings', 'embedding', 'never', 'e-1'],
    ['v1beta/models/e-1:batchEmbedContents', 'gemini-embeddings', 'embedding', 'never', 'e-1'],
    ['v1beta/models/g-1:countTokens', 'gemini-count-tokens', 'count_tokens', 'never', 'g-1'],
    ['v1beta/models/g-1:batchGenerateContent', 'gemini-batches', 'batches', 'never', null],
    ['v1beta/tunedModels/t-1:generateContent', 'gemini', 'chat', 'never', 'tunedModels/t-1'],
    [`${PROJECT}/google/models/g-1:generateContent`, 'gemini', 'chat', 'never', 'g-1'],
    [`${PROJECT}/google/models/g-1:streamGenerateContent`, 'gemini', 'chat', 'path', 'g-1'],
    [`${PROJECT}/google/models/imagen-9:predict`, 'gemini-predict', 'image', 'never', 'imagen-9'],
    [
      `${PROJECT}/google/models/text-embedding-9:predict`,
      'gemini-predict',
      'embedding',
      'never',
      'text-embedding-9',
    ],
    [`${PROJECT}/google/models/other-9:predict`, 'gemini', 'other', 'never', null],
    [`${PROJECT}/anthropic/models/c@1:rawPredict`, 'anthropic-messages', 'chat', 'body', 'c@1'],
    [`${PROJECT}/anthropic/models/c@1:streamRawPredict`, 'anthropic-messages', 'chat', 'path', 'c@1'],
    [
      `${PROJECT}/anthropic/models/count-tokens:rawPredict`,
      'gemini-count-tokens',
      'count_tokens',
      'never',
      null,
    ],
    ['v1beta/interactions', 'gemini-interactions', 'chat', 'body', null],
  ] as const) {
    const endpoint = gemini.match('POST', path.split('/'));
    t.hasStrict(endpoint, { name, operation, streams, pathModel, family: 'gemini' }, path);
  }
  t.end();
});

t.test('collections', t => {
  for (const [method, path, operation] of [
    ['HEAD', 'v1beta/models', 'models'],
    ['GET', 'v1beta/models', 'models'],
    ['GET', 'v1beta/models/g-1', 'models'],
    ['GET', `${PROJECT}/google/models`, 'models'],
    ['POST', 'upload/v1beta/files', 'files'],
    ['GET', 'v1beta/files', 'files'],
    ['GET', 'v1beta/files/f-1', 'files'],
    ['GET', 'download/v1beta/files/f-1:download', 'files'],
    ['DELETE', 'v1beta/files/f-1', 'files'],
    ['GET', 'v1beta/batches/b-1', 'batches'],
    ['POST', 'v1beta/batches/b-1:cancel', 'batches'],
    ['GET', 'v1beta/interactions/i-1', 'other'],
    ['GET', 'ws/x.v1beta.GenerativeService.BidiGenerateContent', 'realtime'],
    ['GET', 'ws/x.v1beta.GenerativeService.BidiGenerateContentConstrained', 'realtime'],
  ] as const) {
    const name =
      operation === 'other' ? 'gemini' : operation === 'realtime' ? 'gemini-live' : `gemini-${operation}`;
    t.hasStrict(
      gemini.match(method, path.split('/')),
      { name, operation, family: 'gemini', usage: null },
      `${method} ${path}`,
    );
  }
  t.end();
});

t.test('what this family does not know', t => {
  for (const [method, path] of [
    ['POST', 'v1beta/models/g-1:fly'],
    ['PUT', 'v1beta/models/g-1:generateContent'],
    ['POST', `${PROJECT}/others/models/m:rawPredict`],
    ['POST', 'v1/projects/p/locations/l/endpoints/7:rawPredict'],
    ['GET', 'v1beta/openai/models'],
    ['POST', 'v1beta/openai/chat/completions'],
    ['GET', 'v1beta/models/g-1/operations/o-1'],
    ['POST', 'v1beta/models'],
    ['GET', 'v1beta/cachedContents'],
  ] as const) {
    t.equal(gemini.match(method, path.split('/')), null, `${method} ${path}`);
  }
  t.end();
});

t.test('a stream has a mandatory end only where one is documented', t => {
  t.equal(gemini.match('POST', ['models', 'g:streamGenerateContent'])?.mandatoryEnd, false);
  for (const verb of ['rawPredict', 'streamRawPredict']) {
    const raw = gemini.match('POST', `${PROJECT}/anthropic/models/c:${verb}`.split('/'));
    t.equal(raw?.mandatoryEnd, true, 'messages have a mandatory end wherever they are served');
  }
  t.end();
});

t.test('the error object and its status words', t => {
  const shape = gemini.error(errorRow('not_granted'), 'req-9');
  t.same(JSON.parse(shape.body), {
    error: { code: 403, message: errorRow('not_granted').message, status: 'PERMISSION_DENIED' },
  });
  const status = (httpStatus: number) =>
    (
      JSON.parse(gemini.error({ ...errorRow('internal'), status: httpStatus }, 'r').body) as {
        error: { status: string };
      }
    ).error.status;
  for (const [code, word] of [
    [400, 'INVALID_ARGUMENT'],
    [401, 'UNAUTHENTICATED'],
    [402, 'PERMISSION_DENIED'],
    [403, 'PERMISSION_DENIED'],
    [404, 'NOT_FOUND'],
    [408, 'DEADLINE_EXCEEDED'],
    [413, 'INVALID_ARGUMENT'],
    [429, 'RESOURCE_EXHAUSTED'],
    [500, 'INTERNAL'],
    [501, 'UNIMPLEMENTED'],
    [502, 'UNAVAILABLE'],
    [503, 'UNAVAILABLE'],
    [504, 'DEADLINE_EXCEEDED'],
  ] as const) {
    t.equal(status(code), word, String(code));
  }
  t.end();
});
