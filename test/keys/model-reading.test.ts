import fc from 'fast-check';
import t from 'tap';
import { requestedModels } from '../../lib/keys/requested-models.ts';
import { repeatingJson } from '../wire/json-text.ts';
import { type Asked, exchangeOf } from './model-request.ts';

const CHAT = '/openai/v1/chat/completions';

/** The models; 'none'; or '?' where they cannot be told. */
function read(asked: Asked): readonly string[] | 'none' | '?' {
  const requested = requestedModels(exchangeOf(asked));
  return requested.kind === 'models' ? requested.models : requested.kind === 'none' ? 'none' : '?';
}

const chat = (body: Asked['body'], headers?: readonly string[]) =>
  read({
    target: CHAT,
    ...(body === undefined ? {} : { body }),
    ...(headers === undefined ? {} : { headers }),
  });

t.test('the model of the root, wherever it stands and however it is written', async t => {
  t.strictSame(chat({ model: 'm', messages: [] }), ['m']);
  t.strictSame(chat('{"mod\\u0065l":"a\\u0062"}'), ['ab']);
  t.strictSame(chat(`{"pad":"${'x'.repeat(1024 * 1024)}","model":"late"}`), ['late']);
  t.strictSame(chat({ messages: [{ model: 'x', content: '"model":"y"' }], model: 'm' }), ['m']);
  t.strictSame(chat('{"a":"\\"model\\":\\"x\\"","model":"m","b":{"c":"}"}}'), ['m']);
  t.strictSame(chat({ model: 'gpt-4o-mini-2024-07-18' }), ['gpt-4o-mini-2024-07-18']);
  t.strictSame(chat({ model: 'Meta-Llama/Ünïcode 3' }), ['Meta-Llama/Ünïcode 3'], 'as sent');
});

t.test('two readings of the model are none', async t => {
  for (const body of [
    '{"model":"a","model":"b"}',
    '{"model":"a","model":"a"}',
    '{"model":"a","mod\\u0065l":"b"}',
    '{"\\u006dodel":"a","x":1,"model":"b"}',
    '{"model":"a","Model":"b"}',
    '{"MODEL":"b"}',
    '{"model":"a","model ":"b"}',
    '{"model":"a","model[]":"b"}',
    '{"model":"a","\uff4dodel":"b"}',
    '{"model":"a","Models":["b"]}',
    '{"model":"a","model\u017f":["b"]}',
    '{"model":"a","models":["b"],"models":["c"]}',
  ]) {
    t.equal(chat(body), '?', body);
  }
});

t.test('a model that is no name', async t => {
  for (const model of [
    'null',
    '1',
    'true',
    '["a"]',
    '{"id":"a"}',
    '""',
    '" a"',
    '"a "',
    '"a\\u0000b"',
    '"a\\nb"',
  ]) {
    t.equal(chat(`{"model":${model}}`), '?', model);
  }
  for (const model of [
    '"\\ud800"',
    '"a/../b"',
    '"../b"',
    '"models/.."',
    '"a\\\\..\\\\b"',
    `"${'m'.repeat(513)}"`,
  ]) {
    t.equal(chat(`{"model":${model}}`), '?', model);
  }
  t.strictSame(chat({ model: 'a..b/c.d' }), ['a..b/c.d']);
  t.strictSame(chat({ model: 'a,b, c' }), ['a,b, c', 'a', 'b', 'c'], 'a list in one name is all of them');
});

t.test('a body that is not one JSON object in UTF-8', async t => {
  const bad: (string | Buffer)[] = [
    '[{"model":"m"}]',
    '"m"',
    '1',
    'model=m',
    '{"model":"m"',
    '{"model":"m"}}',
    ' ',
  ];
  bad.push('\ufeff{"model":"m"}', '{"model":"m"}{"model":"x"}', '{"model":"m"}\u0000', '{"model":"m"} x');
  bad.push(
    '{"model":"m",}',
    '{"model":"m"/* */}',
    '// x\n{"model":"m"}',
    "{'model':'m'}",
    '{model:"m"}',
    '{"model":NaN}',
  );
  bad.push(Buffer.from('{"model":"m"}', 'utf16le'), Buffer.from('\ufeff{"model":"m"}', 'utf16le'));
  bad.push(Buffer.from('{"model":"m\xff"}', 'latin1'), Buffer.from('{"a":"\xc3","model":"m"}', 'latin1'));
  bad.push(
    `{"model":"m","a":${'['.repeat(600)}${']'.repeat(600)}}`,
    `{"model":"m","a":${'['.repeat(100_000)}`,
  );
  for (const body of bad) t.equal(chat(body), '?', String(body).slice(0, 60));
  t.strictSame(chat(`{"a":${'['.repeat(500)}${']'.repeat(500)},"model":"m"}`), ['m']);
  t.strictSame(chat(' \r\n\t{ "model" : "m" }\n'), ['m']);
});

t.test('what the header says of the body', async t => {
  const body = { model: 'm' };
  for (const headers of [
    [],
    ['content-type', 'application/json'],
    ['Content-Type', 'application/json; charset=utf-8'],
    ['Content-Type', 'application/json;charset="UTF-8"; x=y'],
    ['Content-Type', 'text/plain'],
    ['Content-Type', 'application/x-www-form-urlencoded'],
    ['Content-Encoding', 'identity'],
    ['Content-Encoding', ''],
  ]) {
    t.strictSame(chat(body, headers), ['m'], headers.join(' '));
  }
  for (const headers of [
    ['Content-Type', 'application/json; charset=utf-16'],
    ['Content-Type', 'application/json; charset=iso-8859-1'],
    ['Content-Type', 'application/json; charset=utf-8; charset=utf-16'],
    ['Content-Type', 'application/json; charset*=utf-8'],
    ['Content-Type', 'application/json', 'content-type', 'application/json'],
    ['Content_Type', 'application/json'],
    ['Content-Encoding', 'gzip'],
    ['Content-Encoding', 'identity, gzip'],
    ['Content-Encoding', 'identity', 'Content-Encoding', 'br'],
    ['Content_Encoding', 'gzip'],
    ['X-HTTP-Method-Override', 'PUT'],
    ['Content-Type', 'multipart/form-data; boundary=B7'],
    ['Content-Type', 'multipart/mixed; boundary=B7'],
  ]) {
    t.equal(chat(body, headers), '?', headers.join(' '));
  }
});

t.test('JSON sent as a form holds no model to a reader of forms', async t => {
  const form = ['Content-Type', 'application/x-www-form-urlencoded'];
  t.strictSame(chat('{"model":"m","messages":"Q&A: a=b&c"}', form), ['m']);
  for (const text of ['&model=x', '&mod%65l=x&', ';model=x', '&model', '&Model[]=x', '&+model=x']) {
    t.equal(chat(`{"model":"m","messages":"${text}"}`, form), '?', text);
  }
  t.equal(chat('model=m', form), '?');
});

t.test('further models in a request are named as well', async t => {
  const with_ = (more: object) => chat({ model: 'm', ...more });
  t.strictSame(with_({ models: ['a', 'b'], route: 'fallback' }), ['m', 'a', 'b']);
  t.strictSame(with_({ models: null }), ['m']);
  t.strictSame(with_({ tools: [{ type: 'image_generation', model: 'i' }] }), ['m', 'i']);
  t.strictSame(with_({ tools: [{ type: 'advisor', parameters: { model: 'a', analysis_models: ['p'] } }] }), [
    'm',
    'a',
    'p',
  ]);
  t.strictSame(with_({ tools: [{ type: 'image_generation', svg: { model: 's' } }] }), ['m', 's']);
  t.strictSame(with_({ fallbacks: ['a', { model: 'b', thinking: { type: 'adaptive' } }] }), ['m', 'a', 'b']);
  t.strictSame(with_({ fallbacks: 'default' }), ['m', 'default']);
  t.strictSame(with_({ context_window_fallbacks: [{ m: ['a', 'b'] }, ['c']] }), ['m', 'a', 'b', 'c']);
  t.strictSame(with_({ plugins: [{ id: 'r', allowed_models: ['a/*'], excluded_models: ['z'] }] }), [
    'm',
    'a/*',
  ]);
  t.strictSame(with_({ providerOptions: { gateway: { models: ['a'], order: ['x'] } } }), ['m', 'a']);
  t.strictSame(with_({ compound_custom: { models: { reasoning_model: 'a', answering_model: 'b' } } }), [
    'm',
    'a',
    'b',
  ]);
  t.strictSame(
    with_({ draft_model: 'a', safety_model: 'b', model_id: 'c', deploymentId: 'd', engine: 'e' }),
    [...['m', 'a', 'b', 'c', 'd', 'e']],
  );
  t.strictSame(with_({ moderation: { model: 'a' } }), ['m', 'a']);
  t.strictSame(with_({ generationConfig: { routingConfig: { manualMode: { modelName: 'a' } } } }), [
    'm',
    'a',
  ]);
  t.strictSame(with_({ extra_body: { Model: 'a' } }), ['m', 'a'], 'case is no matter further in');
  t.strictSame(with_({ input: [{ type: 'additional_tools', tools: [{ model: 'a' }] }] }), ['m', 'a']);
  const inline = { type: 'tool_addition', tool: { type: 'tool_definition', definition: { model: 'a' } } };
  t.strictSame(with_({ messages: [{ role: 'system', content: [inline] }] }), ['m', 'a']);
  t.strictSame(chat('{"model":"m","messages":[{"Tool\u017f":[{"model":"a"}]}]}'), ['m', 'a']);
  t.strictSame(chat('{"model":"m","messages":[{"t\\u006fols":[{"model":"a"}]}]}'), ['m', 'a']);
  t.strictSame(with_({ model_info: { x: 1 }, tools: [{ deployments: ['a', 1, { model: 'b' }, ['c']] }] }), [
    ...['m', 'a', 'b', 'c'],
  ]);
});

t.test('models of a shape that no provider takes', async t => {
  for (const models of [
    '"a"',
    '{"a":"b"}',
    '1',
    'true',
    '[1]',
    '["a",null]',
    '[["a"]]',
    '[{"model":"a"}]',
    '["a",""]',
  ]) {
    t.equal(chat(`{"model":"m","models":${models}}`), '?', models);
  }
  t.equal(chat({ models: ['a'] }), '?', 'stand-ins alone: a server may run its default');
  const many = Array.from({ length: 80 }, (_, i) => `m${i}`);
  t.equal(chat({ model: 'm', models: many }), '?', 'nobody needs so many');
});

t.test('what is said to the model, kept with the call or describes a parameter is no model', async t => {
  const quiet = {
    messages: [
      {
        role: 'assistant',
        content: [{ type: 'tool_use', input: { model: 'x', deployment: 'y', fallbacks: ['z'] } }],
      },
      { role: 'assistant', tool_calls: [{ function: { arguments: { model: 'x' } } }] },
    ],
    contents: [{ parts: [{ functionCall: { args: { model: 'x' } } }] }],
    input: [{ type: 'function_call', arguments: '{"model":"x"}', model: 'x' }],
    documents: [{ title: 't', model: 'x' }],
    metadata: { model: 'x' },
    prompt: { id: 'p', variables: { model: 'x' } },
    tools: [
      {
        type: 'function',
        function: {
          name: 'hire',
          parameters: {
            type: 'object',
            properties: { model: { type: 'string', enum: ['a', 'b'] }, models: { type: 'array' } },
            required: ['model'],
          },
        },
      },
    ],
    provider: { allow_fallbacks: false },
    stream: true,
    n: 1,
  };
  t.strictSame(chat({ ...quiet, model: 'm' }), ['m']);
});

t.test('what is stored at the provider may bring a model of its own', async t => {
  for (const more of [
    '"agent":"a"',
    '"agent_id":"a"',
    '"agent":{"name":"a"}',
    '"preset":"p"',
    '"assistant_id":"a"',
  ]) {
    t.equal(chat(`{"model":"m",${more}}`), '?', more);
  }
  t.equal(chat({ model: 'm', plugins: [{ id: 'f', preset: 'high' }] }), '?');
  t.strictSame(chat({ model: 'm', agent: null, preset: false }), ['m']);
});

const NAMES = ['model', 'mod\\u0065l', 'models', 'Model', 'messages', 'stream', 'x', 'tools'] as const;
const member = fc.tuple(
  fc.constantFrom(...NAMES),
  fc.oneof(
    fc.constantFrom('"m"', '"n"', 'null', '["a"]', '{"model":"t"}', '[{"model":"t"}]', '1'),
    repeatingJson.map(({ text }) => text),
  ),
);

/** What readers of the first, of the last, and of any spelling of the name would take, each with `models`. */
function everyReading(members: readonly (readonly [string, string])[]): readonly unknown[] {
  const values = (wanted: RegExp) =>
    members
      .filter(([name]) => wanted.test(name.replace('\\u0065', 'e')))
      .map(([, value]) => JSON.parse(value) as unknown);
  const exact = values(/^model$/);
  return [exact[0], exact.at(-1), values(/^model$/i).at(-1), ...values(/^models$/).flat()];
}

t.test('any object: whatever kind of reader takes a model from it, it is among those read', async t => {
  let readable = 0;
  fc.assert(
    fc.property(fc.array(member, { maxLength: 6 }), members => {
      const result = chat(`{${members.map(([name, value]) => `"${name}":${value}`).join(',')}}`);
      if (result === '?') return true;
      readable++;
      return everyReading(members).every(model => model === null || result.includes(model as string));
    }),
    { numRuns: 5000 },
  );
  t.ok(readable > 100, 'many can be read');
});

t.test('any well-formed object with one model and nothing else about models: just that', async t => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }),
      repeatingJson,
      (model, { text }) => {
        const result = chat(`{"messages":${text},"model":${JSON.stringify(model)}}`);
        const isPlain = model.isWellFormed() && model.trim() === model && !/[\p{Cc},\\/]/u.test(model);
        if (!isPlain) return true;
        return result !== '?' && result !== 'none' && result.length === 1 && result[0] === model;
      },
    ),
    { numRuns: 3000 },
  );
  t.pass('held');
});
