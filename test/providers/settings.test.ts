import t from 'tap';
import { Secret } from '../../lib/base/index.ts';
import { ConfigReader } from '../../lib/config/index.ts';
import { type ProvidersSettings, providersSchema } from '../../lib/providers/index.ts';
import { catalogue, compiled } from './compiled.ts';

interface Config {
  readonly providers?: ProvidersSettings;
}

const reader = new ConfigReader<Config>({
  type: 'object',
  properties: { providers: providersSchema(catalogue) },
});

function read(text: string) {
  return reader.readText(text, { file: 'weir.yaml', baseDir: '/', env: { KEY: 'k-1', OTHER: 'k-2' } });
}

function refused(text: string) {
  const result = read(text);
  if (result.ok) throw new Error('accepted');
  return result.problems;
}

t.test('the section of the contract is accepted, and compiles', async t => {
  const result = read(`
providers:
  openai: { keys: [env:KEY, { id: spare, key: env:OTHER, weight: 3 }] }
  lab: { origin: http://10.0.0.5:8000, dialect: openai, auth: none }
  bedrock: { region: eu-west-1, keys: [env:KEY], injectUsage: false }
  two: { origin: http://10.0.0.6, dialect: [ollama, openai], keys: [env:KEY] }
  ollama:
`);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { providers } = compiled(result.settings.providers!);
  const keys = providers.get('openai')!.keys;
  t.strictSame(
    keys.map(key => [key.id, key.weight, key.secret.reveal()]),
    [
      ['openai-1', 1, 'k-1'],
      ['spare', 3, 'k-2'],
    ],
  );
  t.ok(keys.every(key => key.secret instanceof Secret));
  t.match(providers.get('lab'), { origin: 'http://10.0.0.5:8000', scheme: { name: 'none' } });
  t.equal(providers.get('bedrock')!.injectUsage, false);
  t.strictSame(
    providers.get('two')!.dialects.map(dialect => dialect.family),
    ['ollama', 'openai'],
  );
  t.ok(providers.has('ollama'));
});

t.test('a slip in a known member is named, with the right one', async t => {
  t.match(refused('providers: { bedrock: { regoin: eu-west-1 } }'), [
    { path: 'providers.bedrock.regoin', suggestion: 'region' },
  ]);
  t.match(refused('providers: { openai: { key: [env:KEY] } }'), [
    { path: 'providers.openai.key', suggestion: 'keys' },
  ]);
  t.match(refused('providers: { lab: { origin: http://a, dialect: opanai } }'), [{ suggestion: 'openai' }]);
  t.match(refused('providers: { openai: { auth: baerer } }'), [
    { path: 'providers.openai.auth', suggestion: 'bearer' },
  ]);
  t.match(refused('providers: { openai: { region: eu-west-1 } }'), [{ path: 'providers.openai.region' }]);
  t.match(refused('providers: { openai: { dialect: openai } }'), [{ path: 'providers.openai.dialect' }]);
});

t.test('a new provider says where it is and how it speaks', async t => {
  t.match(refused('providers: { lab: { dialect: openai } }'), [{ path: 'providers.lab.origin' }]);
  t.match(refused('providers: { lab: { origin: http://a } }'), [{ path: 'providers.lab.dialect' }]);
  t.match(refused('providers: { lab: { origin: http://a, dialect: [] } }').length, 1);
});

t.test('values that could lead elsewhere or mean nothing are refused', async t => {
  for (const [settings, path] of [
    ['bedrock: { region: "evil.example/" }', 'providers.bedrock.region'],
    ['bedrock: { region: "a.b" }', 'providers.bedrock.region'],
    ['bedrock: { region: "a@b" }', 'providers.bedrock.region'],
    ['bedrock: { region: "" }', 'providers.bedrock.region'],
    ['azure: { resource: -a }', 'providers.azure.resource'],
    ['openai: { keys: [sk-written-out] }', 'providers.openai.keys[0]'],
    ['openai: { keys: [{ id: a b, key: env:KEY }] }', 'providers.openai.keys[0].id'],
    ['openai: { keys: [{ key: env:KEY, weight: 0 }] }', 'providers.openai.keys[0].weight'],
    ['openai: { keys: [{ key: env:KEY, weight: 1001 }] }', 'providers.openai.keys[0].weight'],
    ['openai: { keys: [{ id: a }] }', 'providers.openai.keys[0].key'],
    ['openai: { injectUsage: sometimes }', 'providers.openai.injectUsage'],
  ] as const) {
    const found = refused(`providers: { ${settings} }`);
    t.ok(
      found.some(problem => problem.path === path || path.startsWith(problem.path)),
      settings,
    );
    t.equal(found.length, 1, settings);
    t.notMatch(JSON.stringify(found), /sk-written-out/);
  }
});

t.test('what becomes of an answer whose client leaves', async t => {
  const result = read(`
providers:
  openai: { disconnect: cancel }
  groq: { disconnect: drain }
  mistral: { disconnect: { drain: { bytes: 4MiB } } }
  lab: { origin: http://10.0.0.5:8000, dialect: openai, disconnect: { drain: { ms: 2m } } }
`);
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { providers } = compiled(result.settings.providers!);
  const of = (name: string) => providers.get(name)!.disconnect;
  t.equal(of('openai'), null);
  t.equal(of('anthropic'), null);
  t.strictSame(of('groq'), { bytes: 1_048_576, ms: 30_000 });
  t.strictSame(of('mistral'), { bytes: 4_194_304, ms: 30_000 });
  t.strictSame(of('lab'), { bytes: 1_048_576, ms: 120_000 });
  t.match(refused("providers: { openai: { disconnect: 'drain(1MiB)' } }"), [
    { path: 'providers.openai.disconnect', message: /expected cancel, drain or a map/ },
  ]);
  t.match(refused('providers: { openai: { disconnect: { drain: { seconds: 3 } } } }'), [
    { message: /bytes, ms/ },
  ]);
});
