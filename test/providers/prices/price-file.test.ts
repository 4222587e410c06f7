import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type PricedUsage, Usage } from '../../../lib/pipeline/index.ts';
import { type PriceFile, parsePriceFile, readPriceFile } from '../../../lib/providers/prices/price-file.ts';
import { compiled } from '../compiled.ts';

/** One entry for a model `m` of a provider `p`. */
function costs(entry: object, counts: Partial<PricedUsage>): number | null | 'unpriced' {
  const file = parsePriceFile(
    JSON.stringify({
      m: { litellm_provider: 'p', ...entry },
      other: { litellm_provider: 'p', input_cost_per_token: 1e-6 },
    }),
  );
  if (typeof file === 'string') throw new Error(file);
  const price = file.get('p')!.find('m');
  return price === null ? 'unpriced' : price.costNanos({ ...new Usage(), ...counts });
}

const CHAT = {
  mode: 'chat',
  input_cost_per_token: 3e-6,
  output_cost_per_token: 1.5e-5,
  cache_read_input_token_cost: 3e-7,
  cache_creation_input_token_cost: 3.75e-6,
  cache_creation_input_token_cost_above_1hr: 6e-6,
};

t.test('the fields of a chat model', async t => {
  const counts = {
    inputTokens: 1_001_110,
    cachedInputTokens: 1000,
    cacheWriteTokens: 110,
    outputTokens: 7,
    measures: { cacheWrite5mTokens: 10, cacheWrite1hTokens: 100 },
  };
  t.equal(costs(CHAT, counts), 3_000_000_000 + 300_000 + 37_500 + 600_000 + 105_000);
  const ignored = {
    max_tokens: 8192,
    supports_vision: true,
    input_cost_per_token_batches: 'half',
    brand_new: {},
  };
  t.equal(costs({ ...CHAT, ...ignored }, counts), costs(CHAT, counts), 'what is not known is passed over');
});

t.test('tiers by the names of fields', async t => {
  const tiered = {
    ...CHAT,
    input_cost_per_token_above_200k_tokens: 6e-6,
    output_cost_per_token_above_272k_tokens: 2e-5,
    cache_creation_input_token_cost_above_1hr_above_200k_tokens: 1.2e-5,
    input_cost_per_token_above_272k_tokens_priority: 9,
  };
  const at = (inputTokens: number) => costs(tiered, { inputTokens, outputTokens: 100 });
  t.equal(at(200_000), 600_000_000 + 1_500_000);
  t.equal(at(200_001), 1_200_006_000 + 1_500_000);
  t.equal(at(272_001), 1_632_006_000 + 2_000_000, 'a tier keeps the input rate of the one below');
  const hour = { cacheWriteTokens: 300_000, measures: { cacheWrite1hTokens: 300_000 } };
  t.equal(costs(tiered, { inputTokens: 300_000, outputTokens: 0, ...hour }), 3_600_000_000);
});

t.test('other modes', async t => {
  t.equal(
    costs(
      { mode: 'rerank', input_cost_per_query: 0.002, input_cost_per_token: 0 },
      { measures: { searchUnits: 3 } },
    ),
    6_000_000,
  );
  const whisper = {
    mode: 'audio_transcription',
    input_cost_per_second: 0.0001,
    output_cost_per_second: 0.0001,
  };
  t.equal(costs(whisper, { measures: { audioMs: 1500 } }), 150_000, 'a second is paid for once');
  t.equal(
    costs({ mode: 'image_generation', output_cost_per_image: 0.04 }, { measures: { images: 2 } }),
    80_000_000,
  );
  t.equal(
    costs({ mode: 'audio_speech', input_cost_per_character: 1.5e-5 }, { measures: { characters: 10 } }),
    150_000,
  );
  const search = (low: number) => ({
    ...CHAT,
    search_context_cost_per_query: { search_context_size_low: low, search_context_size_high: 0.01 },
  });
  const searched = { inputTokens: 0, outputTokens: 0, measures: { webSearches: 1 } };
  t.equal(costs(search(0.01), searched), 10_000_000);
  t.equal(costs(search(0.005), searched), null, 'which size it was is not said');
});

t.test('an entry that cannot be applied leaves its model unpriced', async t => {
  t.equal(costs({ mode: 'image_generation', input_cost_per_pixel: 1e-9 }, {}), 'unpriced');
  t.equal(
    costs({ ...CHAT, tiered_pricing: [{ range: [0, 1], input_cost_per_token: 1e-6 }] }, {}),
    'unpriced',
  );
});

t.test('a file that is not right is refused with the name of what is wrong', async t => {
  const file = (entry: unknown) => parsePriceFile(JSON.stringify({ 'gpt-x': entry }));
  t.equal(
    file({ litellm_provider: 'p', input_cost_per_token: -1 }),
    '"gpt-x".input_cost_per_token is not a price in USD',
  );
  t.equal(
    file({ litellm_provider: 'p', input_cost_per_token: '1e-6' }),
    '"gpt-x".input_cost_per_token is not a price in USD',
  );
  t.equal(
    file({ litellm_provider: 'p', search_context_cost_per_query: { a: 'x' } }),
    '"gpt-x".search_context_cost_per_query is not a price in USD',
  );
  t.equal(file({}), '"gpt-x" names no litellm_provider');
  t.equal(file([]), '"gpt-x" is no entry');
  t.equal(parsePriceFile('{}'), 'holds no prices');
  t.equal(parsePriceFile('{"a":'), 'is not JSON');
  t.equal(parsePriceFile('[]'), 'is not a JSON object');
  t.equal(parsePriceFile('{"\\u0062":{"litellm_provider":"p"}}'), 'the name of a member has an escape');
  t.equal(
    typeof parsePriceFile(
      '{"sample_spec":{"max_tokens":"words \\" and: \\\\"},"m":{"litellm_provider":"p","input_cost_per_token":1e-6}}',
    ),
    'object',
  );
});

t.test('a provider asks its own prices, then the file', async t => {
  const path = join(t.testdir(), 'prices.json');
  const entry = (litellm_provider: string, usd: number) => ({
    litellm_provider,
    mode: 'chat',
    input_cost_per_token: usd,
  });
  writeFileSync(
    path,
    JSON.stringify({
      'gpt-x': entry('openai', 2e-6),
      'gpt-y': entry('openai', 3e-6),
      'mistral/large': entry('mistral', 4e-6),
      'other/large': entry('other', 5e-6),
    }),
  );
  const priceFile = readPriceFile(path) as PriceFile;
  const section = { openai: { prices: [{ models: ['*x'], input: 1 }] }, mistral: {} };
  const { providers } = compiled(section, { priceFile });
  const of = (provider: string, model: string) =>
    providers
      .get(provider)!
      .prices.find(model)
      ?.costNanos(Object.assign(new Usage(), { inputTokens: 1000 })) ?? null;
  t.equal(of('openai', 'gpt-x'), 1_000_000, "the operator's word first");
  t.equal(of('openai', 'gpt-y'), 3_000_000);
  t.equal(of('mistral', 'large'), 4_000_000, "the provider's name in front is not part of the model's");
  t.equal(of('mistral', 'gpt-y'), null, "another provider's price is not its");
  t.equal(readPriceFile(`${path}.gone`), `${path}.gone cannot be read (ENOENT)`);
});

t.test("the names of a file's providers are data of the rows", async t => {
  const path = join(t.testdir(), 'prices.json');
  const models = [
    ['gemini/g-1', 'gemini', 'google'],
    ['vertex_ai/v-1', 'vertex_ai-language-models', 'vertex'],
    ['cohere/c-1', 'cohere_chat', 'cohere'],
    ['fireworks_ai/accounts/fireworks/models/f-1', 'fireworks_ai', 'fireworks'],
    ['bedrock_mantle/anthropic.b-1', 'bedrock_mantle', 'bedrock-mantle'],
    ['eu.anthropic.b-2-v1:0', 'bedrock_converse', 'bedrock'],
    ['openrouter/openai/o-1', 'openrouter', 'openrouter'],
  ] as const;
  const entries = models.map(([key, litellm_provider]) => [
    key,
    { litellm_provider, input_cost_per_token: 1e-6 },
  ]);
  writeFileSync(path, JSON.stringify(Object.fromEntries(entries)));
  const section = {
    vertex: { location: 'europe-west4' },
    bedrock: { region: 'eu-west-1' },
    'bedrock-mantle': { region: 'eu-west-1' },
  };
  const { providers } = compiled(section, { priceFile: readPriceFile(path) as PriceFile });
  for (const [key, , provider] of models) {
    const model = key.startsWith('eu.') ? key : key.slice(key.indexOf('/') + 1);
    t.ok(providers.get(provider)!.prices.find(model), key);
  }
});
