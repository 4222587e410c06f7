import type { Command } from 'commander';
import type { StoreResult } from '../../store/index.ts';
import type { BootReport, JournalReport, StoreReport } from '../../usage/index.ts';
import { count } from '../count.ts';
import { type CliIo, EXIT } from '../io.ts';
import { paintFor } from '../paint.ts';
import { plainCell } from '../plain-text.ts';
import { tableLines } from '../table.ts';
import { folderOf, type PlaceOptions, placed, unreadable } from '../usage-place.ts';
import { openStore } from '../usage-query.ts';
import { examples } from '../verb.ts';

interface CheckOptions extends PlaceOptions {
  readonly json?: true;
}

/** All that was found. */
interface Findings {
  readonly journal: JournalReport;
  /** Null where no store was asked for. */
  readonly store: StoreResult<StoreReport> | null;
}

const HELP = `

Wrong (exit 1) are broken lines, facts that are there twice, ids with two facts,
exchanges without a fact in a run that has ended, and in the store: facts of the
journal that are missing, facts that were kept aside, and sums that are not what
their facts add up to. What a running gateway has not shipped yet is counted and
not wrong. A torn end is what a crash leaves: nobody received the end of an
answer whose line it was.`;

/** `weir usage check`: the journal against itself, and against the store. */
export function addCheck(group: Command, io: CliIo, exit: (status: number) => void): void {
  placed(group.command('check'))
    .description('is every exchange on record once, as it was written, and in the store?')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `${examples([
        ['weir usage check --config config.yaml', 'the journal that the config names, against its store'],
        ['weir usage check --journal /backup/journal --json', 'another journal by itself, for a script'],
      ])}${HELP}`,
    )
    .action(async (options: CheckOptions) => exit(await check(options, io)));
}

async function check(options: CheckOptions, io: CliIo): Promise<number> {
  const folder = await folderOf(options, io);
  if (typeof folder === 'number') return folder;
  const findings = await find(folder, options, io).catch((error: NodeJS.ErrnoException) => error);
  if (findings instanceof Error) return unreadable(folder, findings, io);
  if (typeof findings === 'string') {
    io.stderr.write(findings);
    return EXIT.usage;
  }
  const faults = faultsOf(findings);
  if (options.json === true) io.stdout.write(`${jsonOf(folder, findings, faults.length === 0)}\n`);
  else show(folder, findings, faults, io);
  return faults.length === 0 ? EXIT.ok : EXIT.failed;
}

/** The findings, or why the config does not say where the store is. */
async function find(folder: string, options: CheckOptions, io: CliIo): Promise<Findings | string> {
  const { checkJournal, checkStore } = await import('../../usage/index.ts');
  const { config, journal } = options;
  // A journal from elsewhere has nothing to do with the store of a config.
  const ledger =
    config === undefined || journal !== undefined ? null : await openStore(config, io, 'optional');
  if (typeof ledger === 'string') return ledger;
  // The store first: what comes meanwhile is on its way, and not missing.
  const store = ledger === null ? null : await checkStore(folder, ledger).finally(() => ledger.close());
  return { journal: await checkJournal(folder), store };
}

/** What is wrong, in words; empty when all is as it should be. */
function faultsOf({ journal: { boots }, store }: Findings): readonly string[] {
  const sum = (read: (boot: BootReport) => number): number =>
    boots.reduce((all, boot) => all + read(boot), 0);
  const found: [number, string, string][] = [
    [
      sum(({ broken }) => broken),
      'line of the journal is not what was written',
      'lines of the journal are not what was written',
    ],
    [
      sum(({ repeated }) => repeated),
      'fact is in the journal once more',
      'facts are in the journal once more',
    ],
    [
      sum(({ conflicts }) => conflicts),
      'fact of the journal has the id of another one',
      'facts of the journal have the id of another one',
    ],
    [
      sum(({ ended, open }) => (ended ? open : 0)),
      'exchange of a run that has ended has no fact',
      'exchanges of runs that have ended have no fact',
    ],
  ];
  if (store?.ok === true) {
    const { missing, conflicts, invalid, wrongSums } = store.value;
    found.push(
      [
        missing,
        'fact of the journal is missing in the store',
        'facts of the journal are missing in the store',
      ],
      [
        conflicts,
        'fact came with an id that the store has with other contents, and was kept aside',
        'facts came with ids that the store has with other contents, and were kept aside',
      ],
      [invalid, 'fact cannot be counted, and was kept aside', 'facts cannot be counted, and were kept aside'],
      [
        wrongSums,
        'sum in the store is not what its facts add up to (weir usage rebuild makes it anew)',
        'sums in the store are not what their facts add up to (weir usage rebuild makes them anew)',
      ],
    );
  }
  const words = found.filter(([n]) => n > 0).map(([n, one, many]) => count(n, one, many));
  return store?.ok === false
    ? [...words, `the store could not be looked at: ${explained(store.problem)}`]
    : words;
}

function explained(problem: string): string {
  return problem.includes('locked') ? 'another process holds it locked; try again' : problem;
}

function jsonOf(folder: string, { journal, store }: Findings, ok: boolean): string {
  const shown = store === null ? null : store.ok ? store.value : { problem: store.problem };
  return JSON.stringify({ ok, journal: folder, boots: journal.boots, store: shown }, null, 2);
}

function show(folder: string, findings: Findings, faults: readonly string[], io: CliIo): void {
  const paint = paintFor(io);
  const { boots } = findings.journal;
  const facts = boots.reduce((sum, boot) => sum + boot.facts, 0);
  const inStore = findings.store === null ? '' : ', and in the store';
  const lines = faults.length === 0 ? [`every fact is there once${inStore}`] : faults;
  lines.forEach((line, i) => {
    const verdict = faults.length === 0 ? paint.good('ok') : paint.bad('wrong');
    io.stdout.write(`${i === 0 ? verdict : '     '}  ${plainCell(line)}\n`);
  });
  io.stdout.write(`\njournal  ${count(facts, 'fact', 'facts')} in ${plainCell(folder)}\n`);
  if (findings.store?.ok === true)
    for (const line of storeLines(findings.store.value)) io.stdout.write(`${line}\n`);
  if (boots.length === 0) return;
  io.stdout.write('\n');
  for (const line of tableLines([HEADINGS, ...boots.map(row)], (text, i) =>
    i === 0 ? paint.faint(text) : text,
  ))
    io.stdout.write(`${line}\n`);
}

function storeLines(report: StoreReport): readonly string[] {
  const { facts, storeOnly, notShipped, missing, missingIds, aside } = report;
  const more = missing > missingIds.length ? [`and ${missing - missingIds.length} more`] : [];
  return [
    `store    ${count(facts, 'fact', 'facts')}, ${notShipped} more not shipped yet, ${storeOnly} no longer in the journal`,
    ...(missing === 0 ? [] : [`missing  ${[...missingIds.map(plainCell), ...more].join(', ')}`]),
    ...aside.map(({ reason, id }) => `aside    ${plainCell(id === '' ? 'without an id' : id)} (${reason})`),
  ];
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
