import { join } from 'node:path';
import t, { type Test } from 'tap';
import { PriceFeed } from '../../lib/providers/index.ts';
import { runMain } from './run-main.ts';

const LIST = JSON.stringify({
  'gpt-y': { litellm_provider: 'openai', input_cost_per_token: 3e-6, output_cost_per_token: 1.25e-5 },
  'gpt-x': { litellm_provider: 'openai', input_cost_per_token: 9e-6 },
});
const CONFIG = `
providers:
  openai:
    prices:
      - { models: [gpt-x, 'gpt-x-*'], input: 2.5, cachedInput: "0.075", output: 10, asOf: 2026-10-01,
          source: https://example.test/prices, tiers: [{ aboveInputTokens: 200000, input: 5 }] }
  anthropic: {}
`;

function configFile(t: Test, prices: string): string {
  const folder = t.testdir({
    'weir.yaml': `${CONFIG}usage: { prices: '${prices}' }\n`,
    'prices.json': LIST,
  });
  return join(folder, 'weir.yaml');
}

t.test('which price applies to a model, and where it is from', async t => {
  const config = configFile(t, './prices.json');
  const of = async (model: string) => {
    const { status, stdout } = await runMain([
      'prices',
      ...['-c', config, '--provider', 'openai', '--model', model, '--json'],
    ]);
    return { status, prices: JSON.parse(stdout).prices };
  };
  t.match(await of('gpt-x'), {
    status: 0,
    prices: [
      {
        provider: 'openai',
        matched: 'gpt-x',
        from: 'config',
        source: 'https://example.test/prices',
        asOf: '2026-10-01',
        version: /^[0-9a-f]{12}$/,
        rates: { input: '2.5', cachedInput: '0.075', output: '10' },
        tiers: [{ aboveInputTokens: 200_000, rates: { input: '5', cachedInput: '0.075', output: '10' } }],
      },
    ],
  });
  t.match(await of('gpt-x-2030'), { prices: [{ matched: 'gpt-x-*', from: 'config' }] });
  t.match(await of('gpt-y'), { prices: [{ from: 'list', rates: { input: '3', output: '12.5' } }] });
  t.strictSame(await of('gpt-z'), { status: 1, prices: [] });
});

t.test('for people', async t => {
  const config = configFile(t, './prices.json');
  const all = await runMain(['prices', '-c', config]);
  t.equal(all.status, 0);
  const lines = all.stdout.split('\n');
  t.match(lines[0], /^PROVIDER +MODEL +FROM +INPUT +OUTPUT +AS OF +VERSION +SOURCE$/);
  t.equal(lines.filter(line => / gpt-x /.test(line)).length, 1, 'what never applies is not shown');
  t.match(all.stdout, /anthropic +\S+ +row /);
  const one = await runMain(['prices', '-c', config, '--model', 'gpt-x']);
  t.match(one.stdout, /^input above 200000 input tokens +5$/m);
  const none = await runMain(['prices', '-c', config, '--model', 'nothing\u001b[2J']);
  t.equal(none.status, 1);
  t.match(none.stdout, 'unpriced');
  t.notMatch(none.stdout, '\u001b');
  t.equal((await runMain(['prices', '-c', config, '--provider', 'opnai'])).status, 2);
});

t.test('of a list at an address the last one that a gateway kept is read', async t => {
  const address = 'https://prices.test/list.json?token=CANARY';
  const config = configFile(t, address);
  const before = await runMain(['prices', '-c', config, '--provider', 'openai', '--model', 'gpt-y']);
  t.equal(before.status, 1);
  t.match(before.stderr, 'no gateway has kept it');
  const feed = await PriceFeed.open({
    setting: address,
    source: { name: address, read: async () => ({ kind: 'text', text: LIST, validator: null }) },
    lastGoodPath: join(config, '../data/prices.last.json'),
    refreshMs: 86_400_000,
    clock: { wallMs: () => Date.parse('2026-11-21T00:00:00Z'), monotonicMs: () => 0 },
    warn: warning => t.fail(warning.message),
    changed: () => {},
  });
  await feed.close();
  const after = await runMain(['prices', '-c', config, '--provider', 'openai', '--model', 'gpt-y']);
  t.equal(after.status, 0);
  t.match(after.stdout, 'list: https://prices.test/list.json, as of 2026-11-21T00:00:00.000Z');
  t.notMatch(before.stderr + after.stdout, 'CANARY');
});
