import t from 'tap';
import { parseTarget } from '../../lib/wire/index.ts';
import { catalogue, everyProvider } from './compiled.ts';
import { recordedCases, rowOf } from './recorded-cases.ts';

const { providers } = everyProvider();

function endpointOf(name: string, method: string, path: string) {
  const target = parseTarget(`/${name}${path}`);
  if (!('segments' in target)) throw new Error(`bad target: ${path}`);
  return { found: providers.get(name)!.endpoint(method, target.segments), segments: target.segments };
}

const ENDPOINTS = [
  ['openai', 'POST', '/chat/completions', 'chat'],
  ['openai', 'POST', '/responses', 'chat'],
  ['openai', 'POST', '/completions', 'completion'],
  ['openai', 'POST', '/embeddings', 'embedding'],
  ['anthropic', 'POST', '/v1/messages', 'chat'],
  ['anthropic', 'POST', '/v1/messages/count_tokens', 'count_tokens'],
] as const;

t.test('each base path that a stock client uses leads to the calls of its dialect', async t => {
  for (const [name, row] of catalogue.rows) {
    for (const { tool, base } of row.clients) {
      const family = tool.startsWith('OpenAI SDK')
        ? 'openai'
        : tool.startsWith('Anthropic')
          ? 'anthropic'
          : null;
      // Bedrock's own SDK flavour rewrites the path; so does the one for a cloud project.
      if (family === null || !row.dialects.includes(family)) continue;
      for (const [of, method, suffix, operation] of ENDPOINTS) {
        if (of !== family) continue;
        const { found } = endpointOf(name, method, base.replaceAll(/[{}]/g, '') + suffix);
        t.equal(found.operation, operation, `${name} ${base}${suffix}`);
      }
    }
  }
});

t.test('a path with its own dialect keeps it among several', async t => {
  for (const [name, method, path, family, operation] of [
    ['google', 'POST', '/v1beta/models/gemini-x:generateContent', 'gemini', 'chat'],
    ['google', 'POST', '/v1beta/openai/chat/completions', 'openai', 'chat'],
    ['google', 'GET', '/v1beta/openai/models', 'openai', 'models'],
    ['google', 'GET', '/v1beta/models', 'gemini', 'models'],
    ['vertex', 'POST', '/v1/projects/p/locations/l/endpoints/openapi/chat/completions', 'openai', 'chat'],
    ['azure', 'POST', '/openai/deployments/d/chat/completions', 'openai', 'chat'],
    ['azure', 'POST', '/anthropic/v1/messages', 'anthropic', 'chat'],
    ['cohere', 'POST', '/v2/chat', 'cohere', 'chat'],
    ['cohere', 'POST', '/compatibility/v1/chat/completions', 'openai', 'chat'],
    ['ollama', 'POST', '/api/chat', 'ollama', 'chat'],
    ['ollama', 'POST', '/v1/chat/completions', 'openai', 'chat'],
    ['ollama', 'POST', '/v1/messages', 'anthropic', 'chat'],
    ['vllm', 'POST', '/v2/embed', 'cohere', 'embedding'],
    ['mistral', 'POST', '/v1/chat/completions', 'mistral', 'chat'],
    ['mistral', 'POST', '/v1/embeddings', 'openai', 'embedding'],
    ['bedrock', 'POST', '/model/a.b-v1%3A0/converse', 'bedrock', 'chat'],
    ['bedrock-mantle', 'POST', '/anthropic/v1/messages', 'anthropic', 'chat'],
    ['demo', 'POST', '/api/chat', 'ollama', 'chat'],
    ['demo', 'POST', '/v2/chat', 'cohere', 'chat'],
  ] as const) {
    const { found, segments } = endpointOf(name, method, path);
    t.match(found, { family, operation }, `${name} ${path}`);
    const worded = providers.get(name)!.errorDialect(segments).family;
    // One family may follow another for all but a few calls.
    t.ok(worded === family || name === 'mistral', `${name} ${path} is worded as ${worded}`);
  }
});

t.test('a path nobody knows is other, in the first dialect of the row', async t => {
  for (const [name, { dialects }] of providers) {
    const found = providers.get(name)!.endpoint('PUT', ['no', 'such', 'thing']);
    t.match(found, { operation: 'other', family: dialects[0]!.family, usage: null, pathModel: null }, name);
    t.equal(providers.get(name)!.errorDialect(['no', 'such', 'thing']), dialects[0], name);
    t.equal(providers.get(name)!.errorDialect([]), dialects[0], name);
  }
  t.equal(
    providers.get('openai')!.endpoint('PUT', ['a']),
    providers.get('openai')!.endpoint('GET', ['b', 'c']),
    'nothing is made per request',
  );
});

t.test('errors are worded alike whatever the method', async t => {
  const google = providers.get('google')!;
  t.equal(google.errorDialect(['v1beta', 'openai', 'models']).family, 'openai');
  t.equal(google.errorDialect(['v1beta', 'openai', 'chat', 'completions']).family, 'openai');
});

const cases = recordedCases();
t.test(
  'every recorded answer with usage is from a path that is metered',
  { skip: cases === null && 'WEIR_STREAMS is not set' },
  async t => {
    for (const one of cases!) {
      const [name] = rowOf(one.provider)!;
      const { found } = endpointOf(name, one.method, one.path);
      t.not(found.operation, 'other', `${one.id} ${one.path}`);
      if (one.hasUsage) t.ok(found.usage !== null, `${one.id} ${one.path} has a reading`);
    }
  },
);
