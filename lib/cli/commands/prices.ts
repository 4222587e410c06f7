import type { ShownPrice } from '../../providers/index.ts';
import { type CliIo, EXIT } from '../io.ts';
import { paintFor } from '../paint.ts';
import { plainCell, plainText } from '../plain-text.ts';
import { tableLines } from '../table.ts';
import { type AddVerb, examples } from '../verb.ts';

interface Options {
  readonly config?: string;
  readonly provider?: string;
  readonly model?: string;
  readonly json?: true;
}

interface ProviderPrice extends ShownPrice {
  readonly provider: string;
}

const MEANING = `

FROM: config (providers.<name>.prices), list (usage.prices), row (what Weir
comes with); the first that knows a model has the say. VERSION is the fact's
priceVersion. Rates are USD for a million tokens; see docs/prices.md.
Of a list at an address the last one that a gateway kept is read.`;

/** `weir prices`: which price applies to a model, and where it is from. */
export const addPrices: AddVerb = (program, io, exit) => {
  program
    .command('prices')
    .description('show what models cost, and where each price is from')
    .option('-c, --config <file>', 'the YAML config; without it what Weir comes with')
    .option('--provider <name>', 'only this provider’s')
    .option('--model <name>', 'the price that applies to this model; exit 1 where there is none')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        ['weir prices -c config.yaml', 'every price there is'],
        ['weir prices -c config.yaml --provider lab --model small-1', 'why did this cost that'],
        ['weir prices -c config.yaml --json', 'with every rate, for a script'],
      ]) + MEANING,
    )
    .action(async (options: Options) => exit(await run(options, io)));
};

async function run(options: Options, io: CliIo): Promise<number> {
  const { readPrices, SettingsLoader } = await import('../../gateway/index.ts');
  const { formatProblems } = await import('../../config/index.ts');
  const { describePrice } = await import('../../providers/index.ts');
  const { config, provider, model } = options;
  const loader = new SettingsLoader(io.env);
  const result = loader.load(config === undefined ? null : { file: config });
  if (!result.ok) {
    io.stderr.write(`${formatProblems(result.problems)}\n`);
    return EXIT.usage;
  }
  const { prices, list } = await readPrices(result.settings, loader.catalogue);
  if (provider !== undefined && !prices.has(provider)) {
    io.stderr.write(`error: there is no provider ${plainText(provider)} here\n`);
    return EXIT.usage;
  }
  if (list?.problem != null) io.stderr.write(`warning: ${list.name}: ${list.problem}\n`);
  const shown = [...prices].flatMap(([name, all]): readonly ProviderPrice[] => {
    if (provider !== undefined && name !== provider) return [];
    const found = model === undefined ? all.entries() : [all.lookup(model) ?? []].flat();
    return found.map(one => ({ provider: name, ...describePrice(one) }));
  });
  const readAt = list?.readMs == null ? null : new Date(list.readMs).toISOString();
  if (options.json === true) {
    const shownList = list === null ? null : { name: list.name, readAt, problem: list.problem };
    io.stdout.write(`${JSON.stringify({ list: shownList, prices: shown }, null, 2)}\n`);
  } else {
    io.stdout.write(textOf(shown, options, io));
    if (readAt !== null) io.stdout.write(`\nlist: ${list!.name}, as of ${readAt}\n`);
  }
  return model !== undefined && shown.length === 0 ? EXIT.failed : EXIT.ok;
}

function textOf(prices: readonly ProviderPrice[], { provider, model }: Options, io: CliIo): string {
  if (prices.length === 0) {
    const what = model === undefined ? '' : ` for ${plainText(model)}`;
    const where = provider ?? '<name>';
    return `There is no price${what}: such exchanges are unpriced. State one under providers.${where}.prices.\n`;
  }
  const head = ['PROVIDER', 'MODEL', 'FROM', 'INPUT', 'OUTPUT', 'AS OF', 'VERSION', 'SOURCE'];
  const cells = prices.map(({ provider, matched, from, rates, asOf, version, source }) =>
    [provider, matched, from, rates.input, rates.output, asOf, version, source].map(plainCell),
  );
  const paint = paintFor(io);
  const lines = tableLines([head, ...cells], (cell, row) => (row === 0 ? paint.faint(cell) : cell));
  const whole = model !== undefined && prices.length === 1 ? ['', ...ratesOf(prices[0]!)] : [];
  return `${[...lines, ...whole].join('\n')}\n`;
}

/** Every rate of one price. */
function ratesOf({ rates, tiers }: ShownPrice): readonly string[] {
  return tableLines([
    ...Object.entries(rates).map(([name, usd]) => [name, usd]),
    ...tiers.flatMap(tier =>
      Object.entries(tier.rates).map(([name, usd]) => [
        `${name} above ${tier.aboveInputTokens} input tokens`,
        usd,
      ]),
    ),
  ]);
}
