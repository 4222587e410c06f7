import { formatProblems } from '../../config/index.ts';
import { type CliIo, EXIT } from '../io.ts';
import { paintFor } from '../paint.ts';
import { type AddVerb, examples } from '../verb.ts';

interface Options {
  readonly config?: string;
  readonly explain?: true;
  readonly json?: true;
}

/** `weir check`: reads a config as `serve` would, and serves nothing. */
export const addCheck: AddVerb = (program, io, exit) => {
  program
    .command('check')
    .description('validate a config without serving')
    .option('-c, --config <file>', 'the YAML config; without it what weir does without one')
    .option('--explain', 'print what the config switches on, in the order in which it runs')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        ['weir check --config config.yaml', 'exit 0, or 2 with every problem and its line'],
        ['weir check --config config.yaml --explain', 'the compiled pipeline'],
        ['weir check --explain --json', 'for a script'],
      ]),
    )
    .action(async (options: Options) => exit(await run(options, io)));
};

async function run(options: Options, io: CliIo): Promise<number> {
  const { explain, SettingsLoader } = await import('../../gateway/index.ts');
  const loader = new SettingsLoader(io.env);
  const result = loader.load(options.config === undefined ? null : { file: options.config });
  const json = options.json === true;
  if (!result.ok) {
    if (json) io.stdout.write(`${JSON.stringify({ ok: false, problems: result.problems }, null, 2)}\n`);
    else io.stderr.write(`${formatProblems(result.problems)}\n`);
    return EXIT.usage;
  }
  const explained = options.explain === true ? await explain(result.settings, loader.catalogue) : [];
  if (json) {
    const report = {
      ok: true,
      warnings: result.warnings,
      ...(options.explain === true ? { explained } : {}),
    };
    io.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    return EXIT.ok;
  }
  for (const warning of result.warnings) io.stderr.write(`warning: ${warning}\n`);
  io.stdout.write(`${paintFor(io).good('ok')}  ${options.config ?? 'no config file, the defaults'}\n`);
  for (const line of explained) io.stdout.write(`    ${line}\n`);
  return EXIT.ok;
}
