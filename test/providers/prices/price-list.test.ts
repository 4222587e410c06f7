import fc from 'fast-check';
import t from 'tap';
import { ConfigReader } from '../../../lib/config/index.ts';
import { Usage } from '../../../lib/pipeline/index.ts';
import { type ProvidersSettings, providersSchema } from '../../../lib/providers/index.ts';
import { compilePrices } from '../../../lib/providers/prices/price-list.ts';
import { catalogue, compile, compiled } from '../compiled.ts';

const reader = new ConfigReader<{ readonly providers: ProvidersSettings }>({
  type: 'object',
  properties: { providers: providersSchema(catalogue) },
});

function read(text: string) {
  return reader.readText(text, { file: 'weir.yaml', baseDir: '/', env: {} });
}

function problems(text: string) {
  const result = read(text);
  if (result.ok) throw new Error('accepted');
  return result.problems.map(({ line, column, path, message, suggestion }) => ({
    at: `${line}:${column}`,
    path,
    message,
    suggestion,
  }));
}

const LAB = `providers:
  lab:
    origin: http://10.0.0.5:8000
    dialect: openai
    prices:
`;

/** Which of the prices, told by its input rate, a model gets. */
function rateOf(
  prices: readonly { readonly models: readonly string[]; readonly input: number }[],
  model: string,
) {
  const { table } = compilePrices(prices);
  const usage = Object.assign(new Usage(), { inputTokens: 1_000_000 });
  const nanos = table.find(model)?.costNanos(usage);
  return nanos == null ? null : nanos / 1e9;
}

t.test('a name before a pattern, an earlier one before a later one', async t => {
  const prices = [
    { models: ['gpt-*'], input: 1 },
    { models: ['gpt-4o', 'gpt-4o'], input: 2 },
    { models: ['gpt-4o', '*-mini', '*/a*b*c'], input: 3 },
  ];
  for (const [model, rate] of [
    ['gpt-4o', 2],
    ['gpt-4o-mini', 1],
    ['o4-mini', 3],
    ['o4-mini2', null],
    ['x/abc', 3],
    ['x/a-bb-cc', 3],
    ['x/acb', null],
    ['Gpt-4o', null],
    ['', null],
  ] as const)
    t.equal(rateOf(prices, model), rate, model);
});

t.test('a pattern fits what the same regular expression fits', async t => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', '/'), maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(pattern, text, (glob, name) => {
      const right = new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(name);
      return (rateOf([{ models: [glob], input: 1 }], name) !== null) === right;
    }),
    { numRuns: 2000 },
  );
  t.pass('for any pattern and name');
});

t.test("the config's prices are a provider's first", async t => {
  const result = read(
    `${LAB}      - { models: ['m-*'], input: 2.5, output: "10.000001", asOf: 2026-10-01 }\n`,
  );
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  const { prices } = compiled(result.settings.providers).providers.get('lab')!;
  const usage = Object.assign(new Usage(), { inputTokens: 2, outputTokens: 1000 });
  t.equal(prices.find('m-1')!.costNanos(usage), 5000 + 10_000_001);
  t.equal(prices.find('n-1'), null, 'what has no price is unpriced');
});

t.test('what is wrong with a price is told with its place', async t => {
  t.strictSame(problems(`${LAB}      - { models: [m], inptu: 1 }\n`), [
    { at: '6:24', path: 'providers.lab.prices[0].inptu', message: 'unknown key', suggestion: 'input' },
  ]);
  const rate = /^expected USD from 0 to 1000000, such as 2.5 or "0.075"(?:, got .+)?$/;
  for (const bad of ['-1', '"-1"', 'free', '1000001', '.nan', '"1e3"', '[1]', 'true'])
    t.match(
      problems(`${LAB}      - models: [m]\n        input: ${bad}\n`)[0],
      {
        at: '7:16',
        path: 'providers.lab.prices[0].input',
        message: rate,
      },
      bad,
    );
  t.match(problems(`${LAB}      - { models: [], input: 1 }\n`), [{ path: 'providers.lab.prices[0].models' }]);
  t.match(problems(`${LAB}      - { models: [m], input: 1, asOf: soon }\n`), [
    { path: 'providers.lab.prices[0].asOf', message: 'expected a day such as 2026-10-01' },
  ]);
  t.match(problems(`${LAB}      - { models: [m], input: 1, tiers: [{ input: 2 }] }\n`), [
    { path: 'providers.lab.prices[0].tiers[0].aboveInputTokens' },
  ]);
});

t.test('and so is what no schema can see', async t => {
  const faults = (prices: object[]) =>
    compile({
      lab: { origin: 'http://10.0.0.5', dialect: 'openai', prices },
    } as unknown as ProvidersSettings);
  t.match(faults([{ models: ['m'] }]), [
    { path: 'providers.lab.prices[0]', message: /^needs a rate: input, / },
  ]);
  t.strictSame(faults([{ models: ['m'], input: '0.0000000000001' }]), [
    { path: 'providers.lab.prices[0].input', message: 'takes at most 12 decimals' },
  ]);
  const tiers = [
    { aboveInputTokens: 5, input: 1 },
    { aboveInputTokens: 5, input: 2 },
  ];
  t.strictSame(faults([{ models: ['m'], input: 1, tiers }]), [
    { path: 'providers.lab.prices[0].tiers', message: 'each tier must begin above the one before it' },
  ]);
});

t.test('every price that a row states says where and when it was read', async t => {
  for (const [name, row] of catalogue.rows)
    for (const price of row.prices ?? [])
      t.ok(price.source?.startsWith('https://') && price.asOf !== undefined, `${name} ${price.models}`);
  t.ok(catalogue.rows.size > 30);
});
