import t from 'tap';
import { parse } from 'yaml';
import { configSchema, SettingsLoader } from '../../lib/gateway/index.ts';
import { read, root } from './tree.ts';

const text = read('config.example.yaml');

/** The example with its commented settings switched on; explanations stay comments. */
const everything = text
  .split('\n')
  .map(line =>
    line.replace(/^(\s*)#(\s+)(?=(?:[a-zA-Z]+:|- )(?:\s|$))/, '$1$2').replace(/^# (?=[a-z]+:)/, ''),
  )
  .join('\n');

const env = {
  OPENAI_API_KEY: 'sk-test-1',
  OPENAI_KEY_2: 'sk-test-2',
  AWS_BEARER_TOKEN_BEDROCK: 'bedrock-test',
  TEAM_A_KEY: 'team-a-test-key',
};

t.test('the example is a valid config, and says nothing but the defaults', async t => {
  const example = new SettingsLoader({}).load({ file: `${root}/config.example.yaml` });
  const defaults = new SettingsLoader({}).load({ object: {} });
  t.ok(example.ok && defaults.ok);
  if (example.ok && defaults.ok) t.strictSame(example.settings, defaults.settings);
});

t.test('the example names every setting', async t => {
  const shown = new Set([...everything.matchAll(/([A-Za-z]+):/g)].map(match => match[1]));
  const { properties } = configSchema(new SettingsLoader({}).catalogue) as {
    properties: Record<string, { properties?: object }>;
  };
  const missing = Object.entries(properties).flatMap(([section, schema]) =>
    // Providers are data: their members are listed by `weir providers`.
    [section, ...(section === 'providers' ? [] : Object.keys(schema.properties ?? {}))].filter(
      name => !shown.has(name),
    ),
  );
  t.strictSame(missing, []);
});

t.test('what it shows as comments is accepted too', async t => {
  const object = {
    ...(parse(text) as object),
    usage: {
      journal: './data/journal',
      store: 'none',
      fsync: '1s',
      onFull: 'serve',
      holdMs: 100,
      tagHeaders: [],
    },
    providers: {
      openai: { keys: ['env:OPENAI_API_KEY', { id: 'spare', key: 'env:OPENAI_KEY_2', weight: 1 }] },
      bedrock: { region: 'eu-west-1', keys: ['env:AWS_BEARER_TOKEN_BEDROCK'] },
      lab: { origin: 'http://10.0.0.5:8000', dialect: 'openai', auth: 'none' },
      demo: {},
    },
    auth: {
      staticKeys: [
        {
          id: 'team-a',
          key: 'env:TEAM_A_KEY',
          subject: 'team-a',
          tags: { team: 'search' },
          grant: { providers: ['openai'], operations: ['chat', 'embedding', 'models'] },
        },
      ],
    },
  };
  const result = new SettingsLoader(env).load({ object });
  t.ok(result.ok, result.ok ? 'accepted' : JSON.stringify(result.problems));
});
