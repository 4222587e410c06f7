import { Command, CommanderError } from 'commander';
import { packageVersion } from '../base/index.ts';
import { addAudit } from './commands/audit.ts';
import { addCheck } from './commands/check.ts';
import { addDeny } from './commands/deny.ts';
import { addIssuer } from './commands/issuer.ts';
import { addKey } from './commands/key.ts';
import { addPrices } from './commands/prices.ts';
import { addProvider } from './commands/provider.ts';
import { addProviders } from './commands/providers.ts';
import { addServe } from './commands/serve.ts';
import { addUsage } from './commands/usage.ts';
import { addVerify } from './commands/verify.ts';
import { type CliIo, EXIT } from './io.ts';
import { paintFor } from './paint.ts';
import type { AddVerb } from './verb.ts';

/** Every verb. A new one is a file in `commands/` and an entry here. */
const VERBS: readonly AddVerb[] = [
  addServe,
  addCheck,
  addVerify,
  addProviders,
  addIssuer,
  addKey,
  addDeny,
  addProvider,
  addUsage,
  addAudit,
  addPrices,
];

const OWN_OPTIONS: ReadonlySet<string> = new Set(['-h', '--help', '-V', '--version']);
const WIDTH_MAX = 100;

/**
 * Runs one command line, without the program's name in front.
 *
 * @returns the exit status: 0 ok, 1 failed, 2 bad usage or config; 130 or 143
 * where a second signal ended `serve` at once.
 */
export async function main(argv: readonly string[], io: CliIo): Promise<number> {
  let status: number = EXIT.ok;
  const program = newProgram(io);
  for (const add of VERBS) {
    add(program, io, code => {
      status = code;
    });
  }
  try {
    await program.parseAsync(withVerb(argv), { from: 'user' });
    return status;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    io.stderr.write(`weir: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT.failed;
  }
}

function newProgram(io: CliIo): Command {
  const paint = paintFor(io);
  const columns = 'columns' in io.stdout ? Number(io.stdout.columns) : Number.NaN;
  const width = Math.min(Number.isInteger(columns) && columns > 0 ? columns : WIDTH_MAX, WIDTH_MAX);
  return new Command('weir')
    .description('Weir: a streaming reverse proxy for LLM APIs. Bytes untouched, usage exact.')
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: text => io.stdout.write(text),
      writeErr: text => io.stderr.write(text),
      getOutHelpWidth: () => width,
      getErrHelpWidth: () => width,
      getOutHasColors: () => io.isTty,
      getErrHasColors: () => false,
    })
    .configureHelp({ styleTitle: title => paint.strong(title) })
    .showHelpAfterError('(add --help for what can be said here)')
    .addHelpText(
      'after',
      `
Examples:
  weir                               serve on 127.0.0.1:8787, no config needed
  weir serve --config config.yaml    serve what the file says
  weir verify                        ask a running gateway whether it works
  weir providers                     what each tool's base URL must be`,
    );
}

/** Without a verb in front, `serve` is meant. */
function withVerb(argv: readonly string[]): string[] {
  const first = argv[0];
  const hasVerb = first !== undefined && (!first.startsWith('-') || OWN_OPTIONS.has(first));
  return hasVerb ? [...argv] : ['serve', ...argv];
}
