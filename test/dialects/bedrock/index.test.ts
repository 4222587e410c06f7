import t from 'tap';
import { bedrock } from '../../../lib/dialects/bedrock/index.ts';
import { errorRow } from '../../../lib/errors/index.ts';
import { parseTarget } from '../../../lib/wire/index.ts';

t.test('calls below a model', t => {
  for (const [path, name, operation, streams, pathModel] of [
    ['model/x.claude-v1:0/converse', 'bedrock-converse', 'chat', 'never', 'x.claude-v1:0'],
    ['model/x.claude-v1:0/converse-stream', 'bedrock-converse', 'chat', 'path', 'x.claude-v1:0'],
    ['model/x.claude-v1:0/invoke', 'bedrock-invoke', 'chat', 'never', 'x.claude-v1:0'],
    ['model/x.claude/invoke-with-response-stream', 'bedrock-invoke', 'chat', 'path', 'x.claude'],
    ['model/x.titan-embed-text/invoke', 'bedrock-invoke', 'embedding', 'never', 'x.titan-embed-text'],
    ['model/x.rerank-v3/invoke', 'bedrock-invoke', 'rerank', 'never', 'x.rerank-v3'],
    ['model/x.nova-canvas/invoke', 'bedrock-invoke', 'image', 'never', 'x.nova-canvas'],
    ['model/x.titan-image/invoke', 'bedrock-invoke', 'image', 'never', 'x.titan-image'],
    ['model/stability.sd/invoke', 'bedrock-invoke', 'image', 'never', 'stability.sd'],
    ['model/x.claude/count-tokens', 'bedrock-count-tokens', 'count_tokens', 'never', 'x.claude'],
  ] as const) {
    const endpoint = bedrock.match('POST', path.split('/'));
    t.hasStrict(endpoint, { name, operation, streams, pathModel, family: 'bedrock' }, path);
  }
  t.end();
});

t.test('a model that is an escaped ARN is one segment', t => {
  const arn = 'arn:aws:bedrock:eu-west-1:1:inference-profile/eu.claude';
  const target = parseTarget(`/bedrock/model/${encodeURIComponent(arn)}/converse`);
  t.ok('segments' in target);
  if ('segments' in target) t.equal(bedrock.match('POST', target.segments)?.pathModel, arn);
  t.end();
});

t.test('what this family does not know', t => {
  for (const [method, path] of [
    ['GET', 'model/m/converse'],
    ['POST', 'converse'],
    ['POST', 'm/converse'],
    ['POST', 'model/m/fly'],
    ['POST', 'model/m'],
    ['POST', 'guardrail/g/version/1/apply'],
  ] as const) {
    t.equal(bedrock.match(method, path.split('/')), null, `${method} ${path}`);
  }
  t.end();
});

t.test('the error and its class in a header', t => {
  const shape = bedrock.error(errorRow('not_granted'), 'req-9');
  t.same(shape.headers, ['content-type', 'application/json', 'x-amzn-errortype', 'AccessDeniedException']);
  t.same(JSON.parse(shape.body), { message: errorRow('not_granted').message });
  const type = (status: number) => bedrock.error({ ...errorRow('internal'), status }, 'r').headers[3];
  for (const [status, word] of [
    [400, 'ValidationException'],
    [401, 'AccessDeniedException'],
    [402, 'AccessDeniedException'],
    [403, 'AccessDeniedException'],
    [404, 'ResourceNotFoundException'],
    [408, 'ModelTimeoutException'],
    [413, 'ValidationException'],
    [429, 'ThrottlingException'],
    [500, 'InternalServerException'],
    [502, 'ServiceUnavailableException'],
    [503, 'ServiceUnavailableException'],
    [504, 'ModelTimeoutException'],
  ] as const) {
    t.equal(type(status), word, String(status));
  }
  t.end();
});
