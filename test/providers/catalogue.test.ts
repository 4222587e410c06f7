import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../lib/base/index.ts';
import { loadCatalogue } from '../../lib/providers/index.ts';
import { catalogue, everyProvider } from './compiled.ts';
import { recordedCases, rowOf } from './recorded-cases.ts';

/** providers.md §1 has this many rows; each has its file, and the corpus and the demo add theirs. */
const NAMES = [
  ...[
    'openai',
    'anthropic',
    'openrouter',
    'fireworks',
    'groq',
    'deepseek',
    'together',
    'cerebras',
    'mistral',
  ],
  ...['xai', 'google', 'vertex', 'azure', 'bedrock', 'bedrock-mantle', 'cohere', 'perplexity', 'nvidia'],
  ...['huggingface', 'sambanova', 'hyperbolic', 'nebius', 'deepinfra', 'moonshot', 'zai', 'qwen', 'minimax'],
  ...['ollama', 'vllm', 'llamacpp', 'lmstudio', 'voyage', 'jina', 'elevenlabs', 'deepgram', 'assemblyai'],
  ...[
    'replicate',
    'avian',
    'demo',
    'doubleword',
    'gpustack',
    'litellm',
    'mistralrs',
    'ollama-cloud',
    'venice',
  ],
  ...['vercel', 'watsonx', 'writer'],
];

t.test('every row is there, valid, in order, and compiles', async t => {
  t.strictSame([...catalogue.rows.keys()], NAMES.toSorted());
  t.strictSame([...everyProvider().providers.keys()].sort(), NAMES.toSorted());
});

t.test('facts have sources', async t => {
  for (const [name, row] of catalogue.rows) {
    if (row.scripted !== true) t.ok(row.docs?.length, `${name} has docs`);
    for (const fact of row.unverified ?? [])
      t.ok(row[fact] !== undefined, `${name} has the ${fact} it doubts`);
  }
});

t.test('no bare path has two owners, the longest comes first', async t => {
  t.strictSame(catalogue.bare, [
    ['/v1/messages', 'anthropic'],
    ['/v1', 'openai'],
  ]);
});

t.test('another name for a provider is nobody else’s', async t => {
  const names = [...catalogue.rows].flatMap(([name, row]) => [name, ...(row.aliases ?? [])]);
  t.equal(new Set(names).size, names.length);
});

t.test('what decides where keys go is https, but for servers on this machine', async t => {
  for (const [name, row] of catalogue.rows) {
    for (const origin of [row.origin, ...(row.otherOrigins ?? []).map(other => other.origin)]) {
      if (origin === undefined) continue;
      const allowed = row.local === true ? /^http:\/\/127\.0\.0\.1:\d+$/ : /^https:\/\//;
      t.match(origin, allowed, name);
    }
  }
});

t.test('facts that other parts stand on', async t => {
  const row = (name: string) => catalogue.rows.get(name)!;
  t.match(row('openai'), { origin: 'https://api.openai.com', auth: 'bearer', streamUsage: 'opt-in' });
  t.match(row('anthropic'), { origin: 'https://api.anthropic.com', auth: 'x-api-key' });
  t.match(row('azure'), { auth: 'api-key', variables: ['resource'] });
  t.match(row('bedrock'), { auth: 'sigv4', signing: { service: 'bedrock' }, variables: ['region'] });
  t.match(row('google'), { auth: 'x-goog-api-key', rewriteUrlHeaders: ['x-goog-upload-url'] });
  t.match(row('google').invalidKey, [
    { status: 400, reason: 'API_KEY_INVALID' },
    { status: 401 },
    { status: 402 },
  ]);
  t.match(row('deepgram'), { auth: 'token' });
  t.match(row('assemblyai'), { auth: 'raw' });
  t.match(row('elevenlabs'), { auth: 'xi-api-key' });
  t.match(row('vertex'), { auth: 'google-oauth' });
  t.match(row('cohere'), { streamUsage: 'reject' });
  t.match(row('mistral'), { streamUsage: 'auto' });
  const outside = [...catalogue.rows].filter(([, each]) => each.usage?.reasoningOutsideOutput === true);
  t.strictSame(
    outside.map(([name]) => name),
    ['vercel', 'xai'],
  );
});

const cases = recordedCases();
t.test(
  'every provider of the recorded bodies has a row',
  { skip: cases === null && 'WEIR_STREAMS is not set' },
  async t => {
    t.ok(cases!.length > 0);
    for (const one of cases!) t.ok(rowOf(one.provider), one.provider);
  },
);

t.test('a broken row stops the start and says what and where', async t => {
  const broken = (file: string, text: string, message: RegExp) => {
    const folder = mkdtempSync(join(tmpdir(), 'weir-rows-'));
    try {
      cpSync(join(packageRoot(), 'providers'), folder, { recursive: true });
      writeFileSync(join(folder, file), text);
      t.throws(() => loadCatalogue(folder), { message }, file);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const row = (rest: string) => `title: A\ndialects: [openai]\nclients: [{ tool: x, base: /v1 }]\n${rest}`;
  const https = 'origin: https://a.example\nauth: bearer\n';
  broken('acme.yaml', row(`${https}colour: red\n`), /acme\.yaml:6:1: colour/);
  broken('acme.yaml', row(`${https}bare: [/v1]\n`), /\/v1 leads to both acme and openai/);
  broken('acme.yaml', row(`${https}local: false\n`), /acme\.yaml:6/);
  broken('acme.yaml', row('origin: https://a.example\n'), /acme: auth is needed/);
  broken('acme.yaml', row('auth: bearer\n'), /acme: origin is needed/);
  broken('acme.yaml', row('origin: https://{zone}.example\nauth: bearer\n'), /acme: variables are those/);
  broken('acme.yaml', row(`${https}variables: [zone]\n`), /acme: variables are those/);
  broken('acme.yaml', row('origin: https://a.example/v1\nauth: bearer\n'), /acme\.yaml:4:\d+: origin/);
  broken('acme.yaml', row('origin: https://a.example\nauth: sigv4\n'), /acme: sigv4 and signing/);
  broken(
    'acme.yaml',
    row(`${https}signing: { service: a }\n`),
    /acme: sigv4 and signing.*\nacme: signing needs/s,
  );
  broken('acme.yaml', row(https).replace('[openai]', '[opanai]'), /acme: no such dialect: opanai/);
  broken('v1.yaml', row(https), /v1: no name for a provider/);
  broken('metrics.yaml', row(https), /metrics: no name for a provider/);
  broken('Acme.yaml', row(https), /Acme: no name for a provider/);
  broken('acme.yaml', 'title: [', /acme\.yaml:1/);
});
