import fc from 'fast-check';
import t from 'tap';
import { openai } from '../../../lib/dialects/openai/index.ts';
import { errorRow } from '../../../lib/errors/index.ts';

/** Method, path after the provider, and what it is: name, operation, streams. */
const CALLS = [
  ['POST', 'v1/chat/completions', 'openai-chat', 'chat', 'body'],
  ['POST', 'chat/completions', 'openai-chat', 'chat', 'body'],
  ['POST', 'api/paas/v4/chat/completions', 'openai-chat', 'chat', 'body'],
  ['POST', 'hosted/v1/chat/completions', 'openai-chat', 'chat', 'body'],
  ['POST', 'models/chat/completions', 'openai-chat', 'chat', 'body'],
  ['POST', 'v1/projects/p/locations/l/endpoints/openapi/chat/completions', 'openai-chat', 'chat', 'body'],
  ['POST', 'v1/completions', 'openai-completions', 'completion', 'body'],
  ['POST', 'v1/responses', 'openai-responses', 'chat', 'body'],
  ['POST', 'v1/responses/compact', 'openai-responses', 'chat', 'never'],
  ['POST', 'v1/responses/input_tokens', 'openai-count-tokens', 'count_tokens', 'never'],
  ['POST', 'v1/embeddings', 'openai-embeddings', 'embedding', 'never'],
  ['POST', 'v1/rerank', 'openai-rerank', 'rerank', 'never'],
  ['POST', 'v1/moderations', 'openai-moderation', 'moderation', 'never'],
  ['POST', 'v1/images/generations', 'openai-images', 'image', 'body'],
  ['POST', 'v1/images/edits', 'openai-images', 'image', 'body'],
  ['POST', 'v1/images/variations', 'openai-images', 'image', 'never'],
  ['POST', 'api/v1/images', 'openai-images', 'image', 'body'],
  ['POST', 'v1/audio/speech', 'openai-audio', 'speech', 'never'],
  ['POST', 'v1/audio/transcriptions', 'openai-audio', 'transcription', 'body'],
  ['POST', 'v1/audio/translations', 'openai-audio', 'transcription', 'never'],
  ['GET', 'v1/realtime', 'openai-realtime', 'realtime', 'never'],
  ['POST', 'v1/realtime', 'openai-realtime', 'realtime', 'never'],
  ['POST', 'v1/realtime/calls', 'openai-realtime', 'realtime', 'never'],
  ['GET', 'v1/models', 'openai-models', 'models', 'never'],
  ['HEAD', 'v1/models', 'openai-models', 'models', 'never'],
  ['GET', 'v1/models/gpt-x', 'openai-models', 'models', 'never'],
  ['GET', 'v1/models/owner/model', 'openai-models', 'models', 'never'],
  ['GET', 'inference/v1/models', 'openai-models', 'models', 'never'],
  ['GET', 'v1/files', 'openai-files', 'files', 'never'],
  ['POST', 'v1/files', 'openai-files', 'files', 'never'],
  ['GET', 'v1/files/file-1/content', 'openai-files', 'files', 'never'],
  ['DELETE', 'v1/files/file-1', 'openai-files', 'files', 'never'],
  ['POST', 'v1/uploads/u-1/parts', 'openai-files', 'files', 'never'],
  ['POST', 'v1/batches', 'openai-batches', 'batches', 'never'],
  ['POST', 'v1/batches/b-1/cancel', 'openai-batches', 'batches', 'never'],
  ['GET', 'v1/chat/completions', 'openai', 'other', 'never'],
  ['GET', 'v1/chat/completions/c-1/messages', 'openai', 'other', 'never'],
  ['DELETE', 'v1/chat/completions/c-1', 'openai', 'other', 'never'],
  ['GET', 'v1/responses/r-1', 'openai', 'other', 'never'],
  ['DELETE', 'v1/responses/r-1', 'openai', 'other', 'never'],
  ['POST', 'v1/responses/r-1/cancel', 'openai', 'other', 'never'],
  ['POST', 'v1/realtime/client_secrets', 'openai', 'other', 'never'],
  ['POST', 'v1/vector_stores/v-1/files', 'openai', 'other', 'never'],
  ['GET', 'v1/containers/c-1/files/f-1/content', 'openai', 'other', 'never'],
] as const;

t.test('paths by their end, under any base path', t => {
  for (const [method, path, name, operation, streams] of CALLS) {
    const endpoint = openai.match(method, path.split('/'));
    t.hasStrict(
      endpoint,
      { name, operation, streams, pathModel: null, family: 'openai' },
      `${method} ${path}`,
    );
  }
  t.end();
});

t.test('a base path in front changes nothing', async () => {
  const base = fc.array(fc.constantFrom('v1', 'api', 'openai', 'inference', 'compatible-mode', 'x y'), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(fc.constantFrom(...CALLS), base, ([method, path], prefix) => {
      const bare = openai.match(method, path.split('/'));
      return openai.match(method, [...prefix, ...path.split('/')]) === bare;
    }),
  );
});

t.test('what this family does not know', t => {
  for (const [method, path] of [
    ['POST', 'v1/messages'],
    ['POST', 'v1/messages/batches'],
    ['POST', 'messages/batches'],
    ['GET', 'v1/messages/batches/b-1'],
    ['DELETE', 'v1/models/ft-1'],
    ['POST', 'v1/models/m:generateContent'],
    ['GET', 'v1/fine_tuning/jobs'],
    ['GET', 'v1/organization/admin_api_keys'],
    ['POST', 'v1/threads/t-1/messages'],
    ['GET', 'v1/embeddings'],
    ['POST', 'v1/chat/completions/x/y/z/w'],
  ] as const) {
    t.equal(openai.match(method, path.split('/')), null, `${method} ${path}`);
  }
  t.end();
});

t.test('a deployment in the path is the model', t => {
  const at = (rest: string) => openai.match('POST', `openai/deployments/my dep/${rest}`.split('/'));
  t.hasStrict(at('chat/completions'), { name: 'openai-chat', pathModel: 'my dep', includeUsageOption: true });
  t.hasStrict(at('completions'), { name: 'openai-completions', pathModel: 'my dep' });
  t.hasStrict(at('embeddings'), { name: 'openai-embeddings', pathModel: 'my dep' });
  t.hasStrict(at('images/generations'), { name: 'openai-images', pathModel: 'my dep' });
  t.hasStrict(at('audio/transcriptions'), { name: 'openai-audio', pathModel: 'my dep' });
  t.hasStrict(openai.match('POST', ['deployments', 'd', 'embeddings']), { pathModel: 'd' });
  t.hasStrict(openai.match('POST', ['deployments', 'embeddings']), { pathModel: null });
  t.end();
});

t.test('usage is opt-in for streams of chat and completions only', t => {
  const option = (path: string) => openai.match('POST', path.split('/'))?.includeUsageOption;
  t.equal(option('v1/chat/completions'), true);
  t.equal(option('v1/completions'), true);
  t.equal(option('v1/responses'), false);
  t.equal(option('v1/embeddings'), false);
  t.end();
});

t.test('token counts and moderations are answers, not usage', t => {
  for (const path of ['v1/responses/input_tokens', 'v1/moderations']) {
    t.equal(openai.match('POST', path.split('/'))?.usage, null, path);
  }
  t.end();
});

t.test('the error object and its type words', t => {
  const shape = openai.error(errorRow('invalid_key'), 'req-9');
  t.same(shape.headers, ['content-type', 'application/json']);
  t.same(JSON.parse(shape.body), {
    error: {
      message: errorRow('invalid_key').message,
      type: 'invalid_request_error',
      param: null,
      code: 'invalid_key',
    },
  });
  const type = (status: number, code = 'any') =>
    (
      JSON.parse(openai.error({ ...errorRow('internal'), status, code }, 'r').body) as {
        error: { type: string };
      }
    ).error.type;
  t.equal(type(400), 'invalid_request_error');
  t.equal(type(404), 'invalid_request_error');
  t.equal(type(429), 'rate_limit_error');
  t.equal(type(429, 'insufficient_quota'), 'insufficient_quota');
  t.equal(type(402), 'insufficient_quota');
  t.equal(type(500), 'server_error');
  t.equal(type(503), 'server_error');
  t.end();
});
