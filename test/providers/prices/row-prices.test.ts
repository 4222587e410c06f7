import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../../../lib/base/index.ts';
import type { PriceSettings } from '../../../lib/providers/prices/rates.ts';
import { catalogue, everyProvider } from '../compiled.ts';

/** The prices of the rows themselves: that each can be looked up again, and is the price of its models only. */
const priced = [...catalogue.rows].flatMap(([name, row]) =>
  row.prices === undefined ? [] : [{ name, prices: row.prices }],
);
const { providers } = everyProvider();
const versionOf = (name: string, model: string) => providers.get(name)!.prices.find(model)?.version ?? null;

const DAY_MS = 86_400_000;
/** Snapshots as providers name them, to put where a pattern has its `20*`. */
const SNAPSHOTS = ['2024-05-14', '2031-12-31', '20310101'];

/** Ids that a name or a pattern of a row is meant for. */
function examples(pattern: string): readonly string[] {
  return pattern.includes('*') ? SNAPSHOTS.map(day => pattern.replace('20*', day)) : [pattern];
}

function patternFits(pattern: string, model: string): boolean {
  const [head, tail] = pattern.split('*');
  if (tail === undefined) return pattern === model;
  return model.startsWith(head!) && model.endsWith(tail) && model.length >= head!.length + tail.length;
}

/** The entries that have a word to say for a model: those that name it, else those with a pattern. */
function claimants(prices: readonly PriceSettings[], model: string): readonly PriceSettings[] {
  const naming = prices.filter(each => each.models.includes(model));
  if (naming.length > 0) return naming;
  return prices.filter(each => each.models.some(pattern => patternFits(pattern, model)));
}

t.test('every price says where it was read, and on a day that has been', async t => {
  t.ok(priced.length > 0);
  for (const { name, prices } of priced) {
    for (const { models, source, asOf } of prices) {
      const what = `${name}: ${models[0]}`;
      t.match(source, /^https:\/\/[a-z0-9.-]+\.[a-z]+\/[!-~]+$/, what);
      const dayMs = Date.parse(`${asOf}T00:00:00Z`);
      t.equal(new Date(dayMs).toISOString().slice(0, 10), asOf, `${what}: the day exists`);
      t.ok(dayMs <= Date.now() + DAY_MS, `${what}: ${asOf} has been, somewhere on Earth`);
    }
  }
});

t.test('rates stand to one another as providers set them: a slip of the pen would not', async t => {
  for (const { name, prices } of priced) {
    for (const { models, tiers = [], ...base } of prices) {
      for (const rates of [base, ...tiers.map(tier => ({ ...base, ...tier }))]) {
        const what = `${name}: ${models[0]}`;
        const [cached, input, output] = [rates.cachedInput, rates.input, rates.output].map(rate =>
          rate === undefined ? undefined : Number(rate),
        );
        if (input === undefined) continue;
        if (output !== undefined) t.ok(input <= output && output <= 10 * input, `${what}: input, output`);
        if (cached !== undefined) t.ok(cached < input && cached >= input / 100, `${what}: cached input`);
        for (const written of [rates.cacheWrite5m, rates.cacheWrite1h])
          if (written !== undefined) t.ok(Number(written) <= 2 * input, `${what}: cache writes`);
      }
      for (const tier of tiers)
        t.ok(Number(tier.input) > Number(base.input), `${models[0]}: a tier is dearer`);
    }
  }
});

t.test('no id has two prices in a row, and each gets its own', async t => {
  for (const { name, prices } of priced) {
    const written = prices.flatMap(each => each.models);
    t.equal(new Set(written).size, written.length, `${name}: nothing is named twice`);
    for (const each of prices) {
      for (const pattern of each.models) {
        t.match(pattern, /^[^*]+(?:-20\*)?$/, `${name}: ${pattern} is a name, or one with its snapshots`);
        for (const model of examples(pattern)) {
          t.strictSame(claimants(prices, model), [each], `${name}: ${model}`);
          t.equal(versionOf(name, model), versionOf(name, each.models[0]!), `${name}: ${model}`);
        }
      }
    }
  }
});

t.test('what is sold under a longer name is not priced as the shorter one', async t => {
  const unpriced: readonly (readonly [provider: string, model: string])[] = [
    ...[
      ...[
        'gpt-5-codex',
        'gpt-5-chat-latest',
        'gpt-5.3',
        'gpt-4o-audio-preview-2024-12-17',
        'gpt-4o-mini-tts',
      ],
      ...['gpt-4o-search-preview-2025-03-11', 'o1-preview', 'o3-deep-research-2025-06-26', 'gpt-4.1-x'],
      ...['ft:gpt-4o-2024-08-06:acme::1', 'gpt-4', 'gpt-6-astra-mini', 'whisper-2'],
    ].map(model => ['openai', model] as const),
    ...[
      'claude-opus-5-9',
      'claude-fable-5-2',
      'claude-opus-4',
      'claude-3-haiku-20240307',
      'claude-sonnet-6',
    ].map(model => ['anthropic', model] as const),
    ...['gemini-2.5-flash-image', 'gemini-3.1-flash-lite-image', 'gemini-2.5-flash-preview-tts'].map(
      model => ['google', model] as const,
    ),
    ...['gemini-3.8-flash', 'gemini-3.1-pro-preview'].map(model => ['vertex', model] as const),
    ['mistral', 'mistral-large-2411'],
    ['mistral', 'voxtral-small-latest'],
    ['groq', 'gpt-oss-120b'],
    ['cohere', 'command-a-03-2025'],
  ];
  for (const [name, model] of unpriced) t.equal(versionOf(name, model), null, `${name}: ${model}`);
});

t.test('neighbours have prices of their own', async t => {
  const families: readonly (readonly [provider: string, models: readonly string[]])[] = [
    [
      'openai',
      [
        ...['gpt-5-2025-08-07', 'gpt-5-mini-2025-08-07', 'gpt-5-nano-2025-08-07', 'gpt-5-pro-2025-10-06'],
        ...['gpt-5.1-2025-11-13', 'gpt-5.4-nano-2026-03-17', 'gpt-5.4', 'gpt-5.4-mini', 'gpt-5.4-pro'],
        ...['gpt-4o-2024-08-06', 'gpt-4o-2024-05-13', 'gpt-4o-mini-2024-07-18', 'o3', 'o3-mini', 'o3-pro'],
      ],
    ],
    [
      'anthropic',
      [
        ...['claude-opus-5', 'claude-opus-5-5', 'claude-opus-4-5-20251101', 'claude-opus-4-20250514'],
        ...['claude-sonnet-5', 'claude-sonnet-5-5', 'claude-sonnet-4-6', 'claude-sonnet-4-5-20250929'],
        ...['claude-haiku-4-5-20251001', 'claude-haiku-5-5'],
      ],
    ],
  ];
  for (const [name, models] of families) {
    const versions = models.map(model => versionOf(name, model));
    t.notOk(versions.includes(null), name);
    t.equal(new Set(versions).size, models.length, name);
  }
});

t.test('docs/prices.md lists the rows with prices, and their days', async t => {
  const text = readFileSync(join(packageRoot(), 'docs/prices.md'), 'utf8');
  const section = text.slice(text.indexOf('### What the rows price'), text.indexOf('## How it is counted'));
  const listed = [...section.matchAll(/^\| ([a-z-]+) \| .+ \| ([0-9-]+)(?: to ([0-9-]+))? \|$/gm)];
  const right = priced.map(({ name, prices }) => {
    const days = prices.map(each => each.asOf!).sort();
    return [name, days[0], days.at(-1)];
  });
  t.strictSame(
    listed.map(([, name, from, to]) => [name, from, to ?? from]),
    right,
  );
});
