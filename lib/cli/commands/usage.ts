import type { Command } from 'commander';
import { formatProblems } from '../../config/index.ts';
import type { BootReport, JournalReport, TailedFact } from '../../usage/index.ts';
import { type CliIo, EXIT } from '../io.ts';
import { paintFor } from '../paint.ts';
import { plainCell } from '../plain-text.ts';
import { tableLines } from '../table.ts';
import { type AddVerb, examples } from '../verb.ts';
import { addExport } from './usage-export.ts';
import { addSummary } from './usage-summary.ts';
import { addVerify } from './usage-verify.ts';

interface PlaceOptions {
  readonly journal?: string;
  readonly config?: string;
  readonly json?: true;
}
interface TailOptions extends PlaceOptions {
  readonly follow?: true;
  readonly lines: string;
}

/** Where `usage: {}` keeps it. */
const DEFAULT_JOURNAL = './data/journal';
const LINES_MAX = 1000;
/** How often `-f` looks for more. */
const FOLLOW_MS = 200;
const STOP_SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/** `weir usage`: what the journal holds. */
export const addUsage: AddVerb = (program, io, exit) => {
  const usage = program
    .command('usage')
    .description('show the facts of a journal, or prove that it is whole')
    .addHelpText(
      'after',
      examples([
        ['weir usage tail -f', 'each exchange as it ends'],
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
  placed(usage.command('check'))
    .description('read the whole journal: is every exchange in it once, as it was written?')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${examples([
        ['weir usage check --config config.yaml', 'the journal that the config names'],
        ['weir usage check --journal /backup/journal --json', 'another one, for a script'],
      ])}

Wrong (exit 1) are broken lines, facts that are there twice, ids with two facts, and
exchanges without a fact in a run that has ended. A torn end is what a crash leaves:
nobody received the end of an answer whose line it was.`,
    )
    .action(async (options: PlaceOptions) => exit(await check(options, io)));
};

function placed(command: Command): Command {
  return command
    .option('--journal <folder>', `where the journal is (without --config ${DEFAULT_JOURNAL})`)
    .option('-c, --config <file>', 'the YAML config that says where it is');
}

/** The folder of the journal, or the exit status after saying what is wrong. */
async function folderOf({ journal, config }: PlaceOptions, io: CliIo): Promise<string | number> {
  if (journal !== undefined || config === undefined) return journal ?? DEFAULT_JOURNAL;
  const { SettingsLoader } = await import('../../gateway/index.ts');
  const loaded = new SettingsLoader(io.env).load({ file: config });
  if (!loaded.ok) {
    io.stderr.write(`${formatProblems(loaded.problems)}\n`);
    return EXIT.usage;
  }
  const { usage } = loaded.settings as { readonly usage?: { readonly journal: string } };
  if (usage !== undefined && usage.journal !== 'none') return usage.journal;
  io.stderr.write(`error: ${config} keeps no journal\n`);
  return EXIT.usage;
}

async function check(options: PlaceOptions, io: CliIo): Promise<number> {
  const folder = await folderOf(options, io);
  if (typeof folder === 'number') return folder;
  const { checkJournal } = await import('../../usage/index.ts');
  const report = await checkJournal(folder).catch((error: NodeJS.ErrnoException) => error);
  if (report instanceof Error) return unreadable(folder, report, io);
  if (options.json === true) io.stdout.write(`${JSON.stringify({ journal: folder, ...report }, null, 2)}\n`);
  else show(folder, report, io);
  return report.ok ? EXIT.ok : EXIT.failed;
}

const HEADINGS = [
  'run',
  'state',
  'segments',
  'facts',
  'lost',
  'open',
  'torn',
  'broken',
  'twice',
  'conflicts',
  'unused',
];

function row(boot: BootReport): readonly string[] {
  const { origin, ended, segments, facts, lost, open, torn, broken, repeated, conflicts, unused } = boot;
  const counts = [segments, facts, lost, open, torn, broken, repeated, conflicts, unused];
  return [plainCell(origin), ended ? 'ended' : 'not ended', ...counts.map(String)];
}

function show(folder: string, { ok, boots }: JournalReport, io: CliIo): void {
  const paint = paintFor(io);
  const rows = boots.length === 0 ? [] : [HEADINGS, ...boots.map(row)];
  for (const line of tableLines(rows, (text, index) => (index === 0 ? paint.faint(text) : text)))
    io.stdout.write(`${line}\n`);
  const facts = boots.reduce((sum, boot) => sum + boot.facts, 0);
  io.stdout.write(`${ok ? paint.good('ok') : paint.bad('wrong')}  ${facts} facts in ${plainCell(folder)}\n`);
}

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

function unreadable(folder: string, { code, message }: NodeJS.ErrnoException, io: CliIo): number {
  const why = code === 'ENOENT' ? 'there is no such folder; --journal or --config says where it is' : message;
  io.stderr.write(`weir usage: ${plainCell(folder)} cannot be read: ${why}\n`);
  return EXIT.failed;
}
