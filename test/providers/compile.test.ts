import fc from 'fast-check';
import t from 'tap';
import { dialects } from '../../lib/dialects/index.ts';
import type { ProvidersSettings } from '../../lib/providers/index.ts';
import { catalogue, compile, compiled, problems, provider, secret, tools } from './compiled.ts';

t.test('without a section every row with a whole origin is there', async t => {
  const { providers, bare } = compiled(null);
  for (const [name, row] of catalogue.rows) {
    const isWhole = row.origin !== undefined && !row.origin.includes('{');
    t.equal(providers.has(name), isWhole, name);
  }
  t.match(providers.get('ollama'), { origin: 'http://127.0.0.1:11434', scheme: { name: 'none' }, keys: [] });
  t.strictSame(
    bare.map(each => [each.prefix, each.segments, each.provider.name]),
    [
      ['/v1/messages', ['v1', 'messages'], 'anthropic'],
      ['/v1', ['v1'], 'openai'],
    ],
  );
});

t.test('with a section, servers on this machine are there only where it names them', async t => {
  t.notOk(compiled({}).providers.has('vllm'));
  t.ok(compiled({}).providers.has('openai'));
  t.ok(compiled({ vllm: {} }).providers.has('vllm'));
});

t.test('the demo is there while its server runs', async t => {
  t.notOk(compiled(null).providers.has('demo'));
  t.notOk(compiled({ demo: {} }).providers.has('demo'));
  const running = compiled(null, { scriptedOrigin: 'http://127.0.0.1:4567' }).providers.get('demo');
  t.match(running, { origin: 'http://127.0.0.1:4567', scheme: { name: 'none' } });
});

t.test('rows carry over', async t => {
  t.match(provider('openai'), { originPath: '', streamUsage: 'opt-in', injectUsage: true });
  t.strictSame(provider('openai').requestIdHeaders, ['x-request-id']);
  t.strictSame(provider('anthropic').requestIdHeaders, ['request-id']);
  t.strictSame([...provider('google').rewriteUrlHeaders], ['x-goog-upload-url']);
  t.strictSame(provider('google').traits, { reasoningOutsideOutput: false, outputIsTotalMinusInput: true });
  t.strictSame(provider('xai').traits, { reasoningOutsideOutput: true, outputIsTotalMinusInput: false });
  t.equal(provider('hyperbolic').streamUsage, 'unknown');
});

t.test('templates are filled from config', async t => {
  const region = { region: 'eu-west-1' };
  t.equal(provider('bedrock', { bedrock: region }).origin, 'https://bedrock-runtime.eu-west-1.amazonaws.com');
  t.equal(provider('azure', { azure: { resource: 'Acme' } }).origin, 'https://acme.openai.azure.com');
  const fips = 'https://bedrock-runtime-fips.{region}.amazonaws.com';
  t.equal(
    provider('bedrock', { bedrock: { ...region, origin: fips } }).origin,
    'https://bedrock-runtime-fips.eu-west-1.amazonaws.com',
    'an origin of the config may be a template too',
  );
  t.strictSame(problems({ bedrock: {} }), [
    {
      path: 'providers.bedrock',
      message: 'region is needed: the origin is https://bedrock-runtime.{region}.amazonaws.com',
    },
  ]);
  t.strictSame(problems({ openai: { origin: 'https://{region}.example' } }), [
    { path: 'providers.openai.origin', message: 'there is no {region} to fill in' },
  ]);
});

t.test('an origin may be overridden, with a path', async t => {
  for (const [origin, wanted, path] of [
    ['http://10.0.0.5:8000', 'http://10.0.0.5:8000', ''],
    ['http://10.0.0.5:8000/', 'http://10.0.0.5:8000', ''],
    ['HTTPS://Api.Example.COM:443/a/b/', 'https://api.example.com', '/a/b'],
    ['http://[::1]:8080/x', 'http://[::1]:8080', '/x'],
    ['http://localhost:80', 'http://localhost', ''],
  ] as const) {
    t.match(provider('openai', { openai: { origin } }), { origin: wanted, originPath: path }, origin);
  }
});

t.test('what is no origin is refused', async t => {
  for (const origin of [
    ...[
      '',
      'api.example.com',
      '/v1',
      'ftp://a.example',
      'file:///etc/passwd',
      'http://',
      'https:a.example',
      'https:///a.example',
      'https://a b',
      'http://a\\b',
    ],
    ...[
      'http://u:p@a.example',
      'http://u@a.example',
      'https://a.example?x=1',
      'https://a.example/#x',
      'https://a.example?',
    ],
    ...[
      'https://a.example//b',
      'https://a.example/b//',
      'http://a.example:99999',
      'http://a.example\n',
      'http://ä.example',
      'http://a.example"',
    ],
  ]) {
    const found = problems({ openai: { origin } });
    t.match(found, [{ path: 'providers.openai.origin', message: /^must / }], JSON.stringify(origin));
    t.equal(found.length, 1);
  }
});

t.test('whatever fills a template or stands as an origin, requests go to a plain authority', async () => {
  fc.assert(
    fc.property(fc.webUrl({ withQueryParameters: true, withFragments: true }), fc.string(), (url, tail) => {
      const result = compile({ lab: { origin: url + tail, dialect: 'openai' } });
      if (!('providers' in result)) return true;
      const { origin, originPath } = result.providers.get('lab')!;
      const isPlain =
        /^https?:\/\/[a-z0-9.%_~!$&'()*+,;=[\]:-]+$/.test(origin) && new URL(origin).origin === origin;
      return (
        isPlain &&
        (originPath === '' || /^(?:\/[!-~]+)+[^/]$|^\/[^/]$/.test(originPath)) &&
        !/[?#]/.test(originPath)
      );
    }),
  );
});

t.test('a new provider is one line', async t => {
  const lab = provider('lab', { lab: { origin: 'http://10.0.0.5:8000', dialect: 'openai' } });
  t.match(lab, { name: 'lab', scheme: { name: 'bearer' }, streamUsage: 'unknown', keys: [] });
  t.equal(lab.endpoint('POST', ['v1', 'chat', 'completions']).name, 'openai-chat');
  t.strictSame(lab.requestIdHeaders, ['x-request-id']);
  const both = provider('lab', { lab: { origin: 'http://a', dialect: ['ollama', 'openai'], auth: 'none' } });
  t.equal(both.endpoint('POST', ['api', 'chat']).family, 'ollama');
  t.equal(both.endpoint('POST', ['v1', 'chat', 'completions']).family, 'openai');
  t.match(problems({ lab: { origin: 'http://a', dialect: 'klingon' } }), [{ path: 'providers.lab.dialect' }]);
  t.match(problems({ lab: { origin: 'http://a', dialect: ['openai', 'klingon'] } }), [
    { path: 'providers.lab.dialect' },
  ]);
  t.match(problems({ lab: { dialect: 'openai' } }), [
    { path: 'providers.lab', message: /^origin is needed/ },
  ]);
  t.match(problems({ lab: { origin: 'http://a', dialect: 'openai', auth: 'sigv4' } }), [
    { path: 'providers.lab.auth' },
  ]);
});

t.test('names that cannot be are refused', async t => {
  const line = { origin: 'http://a', dialect: 'openai' };
  for (const name of ['health', 'healthz', 'realtime', 'admin', 'metrics', 'v1']) {
    t.match(
      problems({ [name]: line }),
      [{ path: `providers.${name}`, message: /choose another name/ }],
      name,
    );
  }
  for (const name of ['Lab', 'my_lab', '-lab', 'lab.one', 'läb', '', 'a/b', 'a'.repeat(33)]) {
    t.match(problems({ [name]: line }), [{ message: /a-z, 0-9 and dashes/ }], name);
  }
  t.notMatch(
    JSON.stringify(problems({ [`sk-${'A1b2'.repeat(12)}`]: line })),
    /A1b2/,
    'a misplaced key is not repeated',
  );
  t.ok(compiled({ ['a'.repeat(32)]: line, constructor: line, '0': line }).providers.has('constructor'));
});

t.test('keys', async t => {
  const keys = (name: string, section: ProvidersSettings) =>
    provider(name, section).keys.map(key => [key.id, key.weight, key.secret.reveal()]);
  const spare = { id: 'spare', key: secret('k2'), weight: 5 };
  t.strictSame(keys('openai', { openai: { keys: [secret('k1'), spare, { key: secret('k3') }] } }), [
    ['openai-1', 1, 'k1'],
    ['spare', 5, 'k2'],
    ['openai-3', 1, 'k3'],
  ]);
  const taken = [secret('k1'), { id: 'openai-1', key: secret('k2') }];
  t.match(problems({ openai: { keys: taken } }), [
    { path: 'providers.openai.keys[1]', message: /openai-1 is taken/ },
  ]);
  for (const bad of ['', 'a b', 'a\n', 'a\r\nx-evil: 1', 'kéy']) {
    const found = problems({ openai: { keys: [secret('fine'), secret(bad)] } });
    t.match(found, [{ path: 'providers.openai.keys[1]', message: /^the key / }], JSON.stringify(bad));
    t.notMatch(JSON.stringify(found), /evil/);
  }
});

t.test('how the key is sent', async t => {
  const name = (of: string, section: ProvidersSettings) => provider(of, section).scheme.name;
  t.equal(name('ollama', { ollama: {} }), 'none');
  t.equal(name('ollama', { ollama: { keys: [] } }), 'none');
  t.equal(name('ollama', { ollama: { keys: [secret('k')] } }), 'bearer');
  t.equal(name('openai', { openai: { auth: 'none' } }), 'none');
  t.equal(name('openai', { openai: { auth: 'api-key', keys: [secret('k')] } }), 'api-key');
  t.match(problems({ openai: { auth: 'none', keys: [secret('k')] } }), [{ path: 'providers.openai.keys' }]);
  t.match(problems({ openai: { auth: 'sigv4' } }), [{ path: 'providers.openai.auth' }]);
});

t.test('a second API under its own path takes the key its own way', async t => {
  const signed = async (of: string, section: ProvidersSettings, path: string) => {
    const headers: string[] = [];
    await provider(of, section).scheme.sign(
      { method: 'POST', host: 'a', path, headers, body: null, secrets: [] },
      secret('k'),
    );
    return headers;
  };
  const keys = [secret('k')];
  t.strictSame(await signed('google', { google: { keys } }, '/v1beta/models/m:generateContent'), [
    'x-goog-api-key',
    'k',
  ]);
  t.strictSame(await signed('google', { google: { keys } }, '/v1beta/openai/chat/completions'), [
    'authorization',
    'Bearer k',
  ]);
  t.strictSame(await signed('deepseek', { deepseek: { keys } }, '/anthropic/v1/messages'), [
    'x-api-key',
    'k',
  ]);
  const prefixed = { origin: 'http://a/proxy', keys };
  t.strictSame(await signed('deepseek', { deepseek: prefixed }, '/proxy/anthropic/v1/messages'), [
    'x-api-key',
    'k',
  ]);
  t.strictSame(await signed('deepseek', { deepseek: prefixed }, '/anthropic/v1/messages'), [
    'authorization',
    'Bearer k',
  ]);
  const stated = { auth: 'bearer' as const, keys };
  t.strictSame(await signed('deepseek', { deepseek: stated }, '/anthropic/v1/messages'), [
    'authorization',
    'Bearer k',
  ]);
});

t.test('signing needs a region once there are keys', async t => {
  const keys = [secret('AKID:secret')];
  t.match(problems({ bedrock: { origin: 'http://127.0.0.1:1', keys } }), [
    { path: 'providers.bedrock', message: /^region/ },
  ]);
  t.ok(provider('bedrock', { bedrock: { origin: 'http://127.0.0.1:1' } }));
  t.ok(provider('bedrock', { bedrock: { origin: 'http://127.0.0.1:1', region: 'eu-west-1', keys } }));
});

t.test('a service account that cannot be used is refused at start, unseen', async t => {
  const keys = [secret('{"client_email":"a@b","private_key":"SECRETPEM","token_uri":"https://x"}')];
  const found = problems({ vertex: { location: 'europe-west4', keys } });
  t.match(found, [{ path: 'providers.vertex.keys[0]', message: /^the service account has a private_key/ }]);
  t.notMatch(JSON.stringify(found), /SECRETPEM/);
  t.ok(provider('vertex', { vertex: { location: 'europe-west4', keys: [secret('AIzaKey')] } }));
});

t.test('usage injection', async t => {
  const policy = (of: string, section: ProvidersSettings) => {
    const { injectUsage, streamUsage } = provider(of, section);
    return [streamUsage, injectUsage];
  };
  t.strictSame(policy('openai', { openai: {} }), ['opt-in', true]);
  t.strictSame(policy('openai', { openai: { injectUsage: false } }), ['opt-in', false]);
  t.strictSame(policy('nvidia', { nvidia: { injectUsage: true } }), ['opt-in', true], 'the operator knows');
  t.strictSame(
    policy('cohere', { cohere: { injectUsage: true } }),
    ['reject', true],
    'a known refusal stays',
  );
});

t.test('all problems come at once', async t => {
  const found = problems({
    bedrock: {},
    openai: { origin: 'nowhere', keys: [secret('k')] },
    gpustack: {},
    Lab: { origin: 'http://a', dialect: 'openai' },
  });
  t.strictSame(
    found.map(problem => problem.path),
    ['providers.bedrock', 'providers.gpustack', 'providers.openai.origin', 'providers.Lab'],
  );
});

t.test('a provider left out of the config and out of an origin is no fault', async t => {
  t.notOk(compiled({}).providers.has('gpustack'));
  t.notOk(compiled({}).providers.has('azure'));
});

t.test('secrets do not print', async t => {
  const { providers } = compiled({ openai: { keys: [secret('sk-seen')] } });
  t.notMatch(JSON.stringify(providers.get('openai')), /sk-seen/);
});

t.test('instances share nothing: each compile has schemes of its own', async t => {
  t.not(
    provider('vertex', { vertex: { location: 'a' } }).scheme,
    provider('vertex', { vertex: { location: 'a' } }).scheme,
  );
  t.ok(dialects.size > 0 && tools.scriptedOrigin === null);
});
