import t from 'tap';
import { dialects, fallbackDialect, otherEndpoint } from '../../lib/dialects/index.ts';
import { ERRORS } from '../../lib/errors/index.ts';
import { OPERATIONS } from '../../lib/pipeline/index.ts';
import { parseTarget } from '../../lib/wire/index.ts';

t.test('the families that config names', t => {
  t.same([...dialects.keys()].sort(), [
    'anthropic',
    'bedrock',
    'cohere',
    'gemini',
    'mistral',
    'ollama',
    'openai',
  ]);
  for (const [name, dialect] of dialects) t.equal(dialect.family, name);
  t.end();
});

t.test('every error of every family parses, says the public message and no more', t => {
  for (const [name, dialect] of dialects) {
    for (const row of ERRORS.values()) {
      const { headers, body } = dialect.error(row, 'req-1');
      t.equal(headers.length % 2, 0);
      t.same(headers.slice(0, 2), ['content-type', 'application/json']);
      const parsed: unknown = JSON.parse(body);
      t.type(parsed, 'object', `${name} ${row.code}`);
      t.ok(body.includes(JSON.stringify(row.message)), `${name} ${row.code}`);
      t.notOk(body.includes(row.hint), 'hints are for operators');
    }
  }
  t.end();
});

t.test('no family knows the root or a path of nobody', t => {
  for (const [name, dialect] of dialects) {
    for (const method of ['GET', 'POST', 'DELETE', 'OPTIONS']) {
      t.equal(dialect.match(method, []), null, name);
      t.equal(dialect.match(method, ['v1', 'nothing-of-this-name']), null, name);
      t.equal(dialect.match(method, ['constructor']), null, name);
    }
  }
  t.end();
});

t.test('the generic endpoint is of its family, by explicit grant only and unmetered', t => {
  for (const name of dialects.keys()) {
    t.hasStrict(otherEndpoint(name), { family: name, operation: 'other', usage: null, pathModel: null });
  }
  t.ok(OPERATIONS.includes(otherEndpoint('x').operation));
  t.end();
});

t.test('without a provider the end of the path says how errors are worded', t => {
  for (const [path, family] of [
    ['/nobody/v1/messages', 'anthropic'],
    ['/messages', 'anthropic'],
    ['/v1/messages', 'anthropic'],
    ['/nobody/v1/messages/count_tokens', 'anthropic'],
    ['/nobody/v1beta/models/m:generateContent', 'gemini'],
    ['/nobody/v1beta/models/m:streamGenerateContent', 'gemini'],
    ['/nobody/v1beta/models/m%3AembedContent', 'gemini'],
    ['/m:generateContent', 'gemini'],
    ['/nobody/v1/chat/completions', 'openai'],
    ['/nobody/v1/messages/batches', 'openai'],
    ['/nobody/Content', 'openai'],
    ['/nobody/v1/count_tokens', 'openai'],
    ['/nobody', 'openai'],
    ['/', 'openai'],
  ] as const) {
    const target = parseTarget(path);
    t.ok('segments' in target, path);
    if ('segments' in target) t.equal(fallbackDialect(target).family, family, path);
  }
  t.end();
});
