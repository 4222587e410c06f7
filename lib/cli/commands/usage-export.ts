import { once } from 'node:events';
import { type Command, Option } from 'commander';
import type { FactFilter, Ledger } from '../../store/index.ts';
import { CSV_HEAD, csvLine } from '../fact-csv.ts';
import { type CliIo, EXIT } from '../io.ts';
import { filterOf, openStore, type QueryOptions, TIMES_HELP, withQueryOptions } from '../usage-query.ts';
import { examples } from '../verb.ts';

interface Options extends QueryOptions {
  readonly format: 'csv' | 'ndjson';
}

const FACTS_PER_PAGE = 2000;

/** `weir usage export`: the facts themselves, one a line, on stdout. */
export function addExport(group: Command, io: CliIo, exit: (status: number) => void): void {
  withQueryOptions(group.command('export'))
    .description('write the facts of the store to stdout, oldest first')
    .addOption(new Option('--format <format>', 'how').choices(['csv', 'ndjson']).default('csv'))
    .addHelpText(
      'after',
      examples([
        ['weir usage export -c config.yaml --month 2026-11 > november.csv', 'for a spreadsheet'],
        ['weir usage export -c config.yaml --subject alice --format ndjson', 'for a script'],
      ]) + TIMES_HELP,
    )
    .action(async (options: Options) => exit(await run(options, io)));
}

async function run(options: Options, io: CliIo): Promise<number> {
  const filter = filterOf(options, Date.now());
  if (typeof filter === 'string') return misused(filter, io);
  const ledger = await openStore(options.config, io);
  if (typeof ledger === 'string') return misused(ledger, io);
  const problem = await write(ledger, filter, options.format, io.stdout);
  await ledger.close();
  if (problem === null) return EXIT.ok;
  io.stderr.write(`weir usage: ${problem}\n`);
  return EXIT.failed;
}

/** Page by page, no faster than it is read. The problem that stopped it, or null. */
async function write(
  ledger: Ledger,
  filter: FactFilter,
  format: Options['format'],
  to: NodeJS.WritableStream,
): Promise<string | null> {
  const line = format === 'csv' ? csvLine : (fact: string): string => `${fact}\n`;
  let head = format === 'csv' ? CSV_HEAD : '';
  let after: string | null = null;
  do {
    const page = await ledger.facts({
      ...filter,
      limit: FACTS_PER_PAGE,
      ...(after === null ? {} : { after }),
    });
    if (!page.ok) return page.problem;
    const text = head + page.value.facts.map(line).join('');
    head = '';
    if (!to.write(text)) await once(to, 'drain');
    after = page.value.next;
  } while (after !== null);
  return null;
}

function misused(message: string, io: CliIo): number {
  io.stderr.write(message);
  return EXIT.usage;
}
