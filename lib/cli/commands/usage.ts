import type { TailedFact } from '../../usage/index.ts';
import { type CliIo, EXIT } from '../io.ts';
import { plainCell } from '../plain-text.ts';
import { folderOf, type PlaceOptions, placed, unreadable } from '../usage-place.ts';
import { type AddVerb, examples } from '../verb.ts';
import { addCheck } from './usage-check.ts';
import { addExport } from './usage-export.ts';
import { addRebuild } from './usage-rebuild.ts';
import { addSummary } from './usage-summary.ts';
import { addVerify } from './usage-verify.ts';

interface TailOptions extends PlaceOptions {
  readonly json?: true;
  readonly follow?: true;
  readonly lines: string;
}

const LINES_MAX = 1000;
/** How often `-f` looks for more. */
const FOLLOW_MS = 200;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** `weir usage`: what the journal holds. */
export const addUsage: AddVerb = (program, io, exit) => {
  const usage = program
    .command('usage')
    .description('show the facts of a journal, sum them up, or prove that none is missing')
    .addHelpText(
      'after',
      examples([
        ['weir usage tail -f', 'each exchange as it ends'],
        ['weir usage summary -c config.yaml', 'who used how much of what'],
        ['weir usage check', 'exit 0 when every fact is there once, else 1'],
      ]),
    );
  addSummary(usage, io, exit);
  addExport(usage, io, exit);
  addVerify(usage, io, exit);
  placed(usage.command('tail'))
    .description('show the last facts')
    .option('-f, --follow', 'go on with those to come, until Ctrl-C')
    .option('-n, --lines <number>', `how many to begin with, at most ${LINES_MAX}`, '20')
    .option('--json', 'print the lines of the journal as they are')
    .addHelpText(
      'after',
      examples([
        ['weir usage tail --follow', 'the journal in ./data/journal'],
        ['weir usage tail --lines 100 --json', 'for a script'],
      ]),
    )
    .action(async (options: TailOptions) => exit(await tail(options, io)));
  addCheck(usage, io, exit);
  addRebuild(usage, io, exit);
};

async function tail(options: TailOptions, io: CliIo): Promise<number> {
  const count = Number(options.lines);
  if (!Number.isInteger(count) || count < 0 || count > LINES_MAX) {
    io.stderr.write(`error: --lines takes a number from 0 to ${LINES_MAX}\n`);
    return EXIT.usage;
  }
  const folder = await folderOf(options, io);
  if (typeof folder === 'number') return folder;
  const [{ JournalTail }, { factLine }] = await Promise.all([
    import('../../usage/index.ts'),
    import('../../observe/index.ts'),
  ]);
  const journal = new JournalTail(folder);
  const print = (facts: readonly TailedFact[]): void => {
    for (const { fact, line } of facts) {
      const human = [fact.time, plainCell(fact.subject), factLine(fact)].join('  ');
      io.stdout.write(`${options.json === true ? line : human}\n`);
    }
  };
  try {
    print(await journal.last(count));
    if (options.follow === true) await follow(async () => print(await journal.next()), io);
  } catch (error) {
    return unreadable(folder, error as NodeJS.ErrnoException, io);
  }
  return EXIT.ok;
}

/** Looks again and again until a signal comes. */
function follow(look: () => Promise<void>, { signals }: CliIo): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: NodeJS.Timeout | null = null;
    let stopped = false;
    const stop = (): void => {
      stopped = true;
      if (timer !== null) clearTimeout(timer);
      for (const signal of STOP_SIGNALS) signals.off(signal, stop);
      resolve();
    };
    const again = (): void => {
      look().then(() => {
        if (!stopped) timer = setTimeout(again, FOLLOW_MS);
      }, reject);
    };
    for (const signal of STOP_SIGNALS) signals.on(signal, stop);
    again();
  });
}
