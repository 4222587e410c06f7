import t from 'tap';
import { requestedModels } from '../../lib/keys/requested-models.ts';
import { type Asked, exchangeOf, formOf } from './model-request.ts';

const CHAT = '/openai/v1/chat/completions';

/** The models; 'none'; or '?' where they cannot be told. */
function read(asked: Asked): readonly string[] | 'none' | '?' {
  const requested = requestedModels(exchangeOf(asked));
  return requested.kind === 'models' ? requested.models : requested.kind === 'none' ? 'none' : '?';
}

t.test('a call that states no model where one is needed', async t => {
  for (const target of [
    CHAT,
    '/openai/v1/responses',
    '/openai/v1/completions',
    '/openai/v1/embeddings',
    '/openai/v1/images/generations',
    '/openai/v1/audio/speech',
    '/openai/v1/responses/input_tokens',
    '/anthropic/v1/messages',
    '/anthropic/v1/messages/count_tokens',
    '/cohere/v2/rerank',
    '/mistral/v1/agents/completions',
    '/google/v1beta/interactions',
    '/ollama/api/chat',
  ]) {
    t.equal(read({ target, body: { prompt: { id: 'pmpt_1' }, agent_id: null } }), '?', target);
    t.equal(read({ target }), '?', `${target} without a body`);
    t.strictSame(read({ target, body: { model: 'm' } }), ['m'], target);
  }
  t.equal(read({ target: CHAT, body: { model: 'm' }, isUnread: true }), '?', 'the body must be in hand');
});

t.test('moderation may leave it to the provider', async t => {
  const target = '/openai/v1/moderations';
  t.equal(read({ target, body: { input: 'x' } }), 'none');
  t.strictSame(read({ target, body: { input: 'x', model: 'm' } }), ['m']);
  t.equal(read({ target, body: '{"input":"x","model":"m","model":"n"}' }), '?');
  t.equal(read({ target, body: 'x' }), '?');
});

t.test('calls that run no model', async t => {
  for (const [method, target] of [
    ['GET', '/openai/v1/models'],
    ['GET', '/openai/v1/models/gpt-x'],
    ['POST', '/ollama/api/show'],
    ['POST', '/openai/v1/files'],
    ['GET', '/openai/v1/files/f/content'],
    ['GET', '/openai/v1/batches/b'],
    ['GET', '/openai/v1/responses/r?model=x'],
    ['DELETE', '/openai/v1/responses/r'],
    ['POST', '/openai/v1/responses/r/cancel'],
    ['GET', '/openai/v1/chat/completions?model=x'],
  ] as const) {
    t.equal(read({ method, target }), 'none', `${method} ${target}`);
  }
  t.equal(read({ target: '/openai/v1/batches/b/cancel', body: {} }), 'none');
  t.equal(read({ target: '/google/v1beta/batches/b:cancel', body: {} }), 'none');
  t.equal(read({ target: '/openai/v1/files', body: 'anything at all' }), 'none');
});

t.test('calls of which nobody can tell here what they run', async t => {
  for (const target of [
    '/openai/v1/batches',
    '/anthropic/v1/messages/batches',
    '/google/v1beta/models/m:batchGenerateContent',
    '/openai/v1/fine_tuning/jobs',
    '/deepinfra/v1/inference/some/model',
    '/replicate/v1/models/o/n/predictions',
  ]) {
    t.equal(read({ target, body: { model: 'm', input_file_id: 'f' } }), '?', target);
    t.equal(read({ target, headers: ['Transfer-Encoding', 'chunked'] }), '?', `${target} in chunks`);
  }
});

t.test('a model in the path, decoded once', async t => {
  const body = { contents: [] };
  for (const [target, model] of [
    ['/google/v1beta/models/gemini-x:generateContent', 'gemini-x'],
    ['/google/v1beta/models/gemini-x%3AgenerateContent', 'gemini-x'],
    ['/google/v1beta/tunedModels/t1:generateContent', 'tunedModels/t1'],
    ['/google/v1beta/models/a%252Fb:generateContent', 'a%2Fb'],
    ['/vertex/v1/projects/p/locations/l/publishers/google/models/gemini-x:streamGenerateContent', 'gemini-x'],
    ['/vertex/v1/projects/p/locations/l/publishers/anthropic/models/claude-x:rawPredict', 'claude-x'],
    ['/vertex/v1/projects/p/locations/l/endpoints/123/chat/completions', '123'],
    ['/bedrock/model/eu.a.b-v1%3A0/converse', 'eu.a.b-v1:0'],
    [
      '/bedrock/model/arn%3Aaws%3Abedrock%3Aeu-west-1%3A1%3Ainference-profile%2Fx/invoke',
      'arn:aws:bedrock:eu-west-1:1:inference-profile/x',
    ],
    ['/azure/openai/deployments/my%20dep/chat/completions?api-version=1', 'my dep'],
    ['/azure/openai/deployments/v1/chat/completions', 'v1'],
    ['/azure/openai/deployments/d/extensions/chat/completions', 'd/extensions'],
    ['/huggingface/hf-inference/models/org/name/v1/chat/completions', 'org/name'],
    ['/lmstudio/v1/engines/e/completions', 'e'],
  ] as const) {
    t.strictSame(read({ target, body }), [model], target);
    t.strictSame(read({ target }), [model], `${target} without a body`);
    t.strictSame(
      read({ target, body: { model: 'other' } }),
      [model, 'other'],
      `${target} and another in the body`,
    );
  }
  t.equal(read({ target: '/google/v1beta/models/a%ff:generateContent', body }), '?', 'no UTF-8');
  t.equal(read({ target: '/bedrock/model/a%0Ab/converse', body }), '?', 'a line feed');
  t.equal(read({ target: '/bedrock/model/%20a/converse', body }), '?', 'a space in front');
  t.strictSame(
    read({
      target: '/vertex/v1/projects/p/locations/l/endpoints/openapi/chat/completions',
      body: { model: 'm' },
    }),
    ['m'],
  );
  t.strictSame(read({ target: '/lmstudio/engines/llama.cpp/v1/chat/completions', body: { model: 'm' } }), [
    'm',
  ]);
});

t.test('the model of the path again in the body is that model', async t => {
  const target = '/google/v1beta/models/gemini-x:embedContent';
  for (const model of ['models/gemini-x', 'gemini-x'])
    t.strictSame(read({ target, body: { model } }), ['gemini-x']);
  const batch = { requests: [{ model: 'models/gemini-x' }, { model: 'models/other' }] };
  t.strictSame(read({ target: '/google/v1beta/models/gemini-x:batchEmbedContents', body: batch }), [
    ...['gemini-x', 'models/other'],
  ]);
  const count = { generateContentRequest: { model: 'models/other', contents: [{ model: 'x' }] } };
  t.strictSame(read({ target: '/google/v1beta/models/gemini-x:countTokens', body: count }), [
    'gemini-x',
    'models/other',
  ]);
  const full = 'projects/p/locations/l/publishers/google/models/gemini-x';
  t.strictSame(read({ target: `/vertex/v1/${full}:countTokens`, body: { model: full } }), ['gemini-x']);
  t.strictSame(read({ target: `/vertex/v1/${full}:countTokens`, body: { model: `evil/${full}` } }), [
    'gemini-x',
    `evil/${full}`,
  ]);
  t.strictSame(read({ target: '/bedrock/model/a-v1%3A0/converse', body: { model: 'a-v1' } }), [
    'a-v1:0',
    'a-v1',
  ]);
});

t.test('a model in the query or a header is one more', async t => {
  const at = (query: string) => read({ target: `${CHAT}?${query}`, body: { model: 'm' } });
  t.strictSame(at('a=b&model=q'), ['q', 'm']);
  t.strictSame(at('mod%65l=q%2Fr'), ['q/r', 'm']);
  t.strictSame(at('x=1;Model=q'), ['q', 'm']);
  t.strictSame(at('deployment-id=q&api-version=2024&beta=true&alt=sse'), ['q', 'm']);
  for (const query of ['model', 'model=', 'model=%ff', 'model=a+b', 'model=%20a', 'agent=a', '_method=PUT']) {
    t.equal(at(query), '?', query);
  }
  const headed = (name: string, value = 'h') =>
    read({ target: CHAT, body: { model: 'm' }, headers: [name, value] });
  t.strictSame(headed('x-ms-oai-image-generation-deployment'), ['h', 'm']);
  t.strictSame(headed('X_Model_Id'), ['h', 'm']);
  t.strictSame(headed('x-target-model', 'a/b'), ['a/b', 'm']);
  t.strictSame(headed('x-remodelled'), ['m']);
  t.strictSame(headed('anthropic-beta', 'advisor-tool'), ['m']);
});

t.test('realtime sessions', async t => {
  t.strictSame(read({ method: 'GET', target: '/openai/v1/realtime?model=rt' }), ['rt']);
  t.equal(read({ method: 'GET', target: '/openai/v1/realtime?call_id=c' }), '?');
  const sdp = { body: 'v=0', headers: ['Content-Type', 'application/sdp'] };
  t.equal(read({ target: '/openai/v1/realtime/calls?model=rt', ...sdp }), '?');
  t.equal(
    read({
      ...formOf([
        ['model', 'rt'],
        ['session', '{"model":"x"}'],
      ]),
      target: '/openai/v1/realtime/calls',
    }),
    '?',
  );
});

t.test('forms', async t => {
  t.strictSame(
    read(
      formOf([
        ['model', 'whisper-1'],
        ['language', 'en'],
      ]),
    ),
    ['whisper-1'],
  );
  t.strictSame(
    read(
      formOf([
        ['svg[model]', 's'],
        ['model', 'm'],
        ['include[]', 'logprobs'],
      ]),
    ),
    ['s', 'm'],
  );
  for (const fields of [
    [['language', 'en']],
    [
      ['model', 'a'],
      ['model', 'b'],
    ],
    [
      ['model', 'a'],
      ['Model', 'b'],
    ],
    [
      ['model', 'a'],
      ['model[]', 'b'],
    ],
    [
      ['model', 'a'],
      ['model[0]', 'b'],
    ],
    [
      ['model', 'a'],
      ['models', 'b'],
    ],
    [
      ['model', 'a'],
      ['mod%65l', 'b'],
    ],
    [
      ['model', 'a'],
      ['=?utf-8?B?bW9kZWw=?=', 'b'],
    ],
    [
      ['model', 'a'],
      ['_charset_', 'utf-7'],
    ],
    [
      ['model', 'a'],
      ['agent', 'b'],
    ],
    [['model', '']],
    [['model', 'a\r\n']],
  ] as const) {
    t.equal(read(formOf(fields)), '?', JSON.stringify(fields));
  }
  const typed = (...lines: string[]) => {
    const head = ['Content-Disposition: form-data; name="model"', ...lines].join('\r\n');
    return read({ ...formOf([]), body: `--B7\r\n${head}\r\n\r\nm\r\n--B7--\r\n` });
  };
  t.strictSame(typed('Content-Type: text/plain; charset=utf-8'), ['m']);
  t.equal(typed('Content-Type: text/plain; charset=utf-16'), '?');
  t.equal(typed('Content-Type: application/json'), '?');
  t.equal(typed('Content-Disposition: form-data; name="other"'), '?');
  const file = formOf([['model"; filename="m', 'a']]);
  t.equal(read(file), '?', 'a file is no name');
  const azure = '/azure/openai/deployments/whisper/audio/transcriptions';
  t.strictSame(read({ ...formOf([['language', 'en']]), target: azure }), ['whisper']);
  t.strictSame(read({ ...formOf([['model', 'x']]), target: azure }), ['whisper', 'x']);
});
