import t from 'tap';
import { anthropic } from '../../../lib/dialects/anthropic/index.ts';
import { errorRow } from '../../../lib/errors/index.ts';

t.test('paths by their end, under any base path', t => {
  for (const [method, path, name, operation, streams] of [
    ['POST', 'v1/messages', 'anthropic-messages', 'chat', 'body'],
    ['POST', 'messages', 'anthropic-messages', 'chat', 'body'],
    ['POST', 'anthropic/v1/messages', 'anthropic-messages', 'chat', 'body'],
    ['POST', 'v1/messages/count_tokens', 'anthropic-count-tokens', 'count_tokens', 'never'],
    ['POST', 'v1/messages/batches', 'anthropic-batches', 'batches', 'never'],
    ['GET', 'v1/messages/batches/b-1', 'anthropic-batches', 'batches', 'never'],
    ['GET', 'v1/messages/batches/b-1/results', 'anthropic-batches', 'batches', 'never'],
    ['POST', 'v1/complete', 'anthropic-complete', 'completion', 'body'],
    ['GET', 'v1/models', 'anthropic-models', 'models', 'never'],
    ['GET', 'v1/models/m-1', 'anthropic-models', 'models', 'never'],
    ['POST', 'v1/files', 'anthropic-files', 'files', 'never'],
    ['GET', 'v1/files/f-1/content', 'anthropic-files', 'files', 'never'],
    ['DELETE', 'v1/files/f-1', 'anthropic-files', 'files', 'never'],
  ] as const) {
    const endpoint = anthropic.match(method, path.split('/'));
    t.hasStrict(
      endpoint,
      { name, operation, streams, family: 'anthropic', pathModel: null },
      `${method} ${path}`,
    );
    t.equal(endpoint?.includeUsageOption, false);
  }
  t.end();
});

t.test('what this family does not know', t => {
  for (const [method, path] of [
    ['GET', 'v1/messages'],
    ['POST', 'v1/chat/completions'],
    ['POST', 'v1/threads/t-1/messages'],
    ['DELETE', 'v1/models/m-1'],
    ['GET', 'v1/organizations/usage_report/messages'],
    ['POST', 'v1/batches'],
    ['POST', 'v1/embeddings'],
  ] as const) {
    t.equal(anthropic.match(method, path.split('/')), null, `${method} ${path}`);
  }
  t.end();
});

t.test('counting tokens uses none', t => {
  t.equal(anthropic.match('POST', ['v1', 'messages', 'count_tokens'])?.usage, null);
  t.end();
});

t.test('the error object with its request id, and the documented type words', t => {
  const shape = anthropic.error(errorRow('unknown_provider'), 'req-9');
  t.same(JSON.parse(shape.body), {
    type: 'error',
    error: { type: 'not_found_error', message: errorRow('unknown_provider').message },
    request_id: 'req-9',
  });
  const type = (status: number, code = 'any') =>
    (
      JSON.parse(anthropic.error({ ...errorRow('internal'), status, code }, 'r').body) as {
        error: { type: string };
      }
    ).error.type;
  t.same(
    [400, 401, 402, 403, 404, 413, 426, 429, 500, 502, 503, 504].map(status => type(status)),
    [
      'invalid_request_error',
      'authentication_error',
      'billing_error',
      'permission_error',
      'not_found_error',
      'request_too_large',
      'invalid_request_error',
      'rate_limit_error',
      'api_error',
      'api_error',
      'api_error',
      'timeout_error',
    ],
  );
  t.equal(type(503, 'overloaded'), 'overloaded_error');
  t.equal(type(503, 'draining'), 'overloaded_error');
  t.end();
});
