import { type Command, InvalidArgumentError } from 'commander';
import { type Dimension, SUMMARY_ROWS_MAX, type Summary, type SummaryRow } from '../../store/index.ts';
import {
  DEFAULT_DIMENSIONS,
  DIMENSION_WORDS,
  readDimensions,
  readRows,
  WordFault,
} from '../../usage/index.ts';
import { type CliIo, EXIT } from '../io.ts';
import { paintFor } from '../paint.ts';
import { plainCell } from '../plain-text.ts';
import { tableLines } from '../table.ts';
import { filterOf, openStore, type QueryOptions, TIMES_HELP, withQueryOptions } from '../usage-query.ts';
import { examples } from '../verb.ts';

interface Options extends QueryOptions {
  readonly by: readonly Dimension[];
  readonly limit: number;
  readonly json?: true;
}

const COLUMNS = [
  'requests',
  'refused',
  'failed',
  'aborted',
  'lost',
  'unmetered',
  'estimated',
  'inputTokens',
  'outputTokens',
] as const;
const HEAD = [
  'REQUESTS',
  'REFUSED',
  'FAILED',
  'ABORTED',
  'LOST',
  'UNMETERED',
  'ESTIMATED',
  'INPUT TOKENS',
  'OUTPUT TOKENS',
  'USD',
  'UNPRICED',
];

const COLUMNS_HELP = `

USD is the sum of what has a price; UNPRICED requests are not in it. A number
nobody stated is -, never 0. UNMETERED: answered by the provider without usage.`;

/** `weir usage summary`: what was used, by whom, from the store. */
export function addSummary(group: Command, io: CliIo, exit: (status: number) => void): void {
  withQueryOptions(group.command('summary'))
    .description('sum up requests, tokens and cost from the store')
    .option(
      '--by <dimensions>',
      `one or more of ${DIMENSION_WORDS}`,
      parsedBy(readDimensions),
      DEFAULT_DIMENSIONS,
    )
    .option(
      '--limit <rows>',
      `at most this many rows, 1 to ${SUMMARY_ROWS_MAX}`,
      parsedBy(text => readRows(text)),
      1000,
    )
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        ['weir usage summary -c config.yaml --by subject,model --since 7d', 'who used what in a week'],
        ['weir usage summary -c config.yaml --by tag:team', 'by the values of a tag; - bears none'],
        ['weir usage summary -c config.yaml --by month,provider --json', 'for a script'],
        ['weir usage summary -c config.yaml --by day --subject alice --month 2026-11', 'day by day'],
      ]) +
        COLUMNS_HELP +
        TIMES_HELP,
    )
    .action(async (options: Options) => exit(await run(options, io)));
}

/** For commander: what it was given, or what is wrong with it. */
function parsedBy<T>(read: (text: string) => T | WordFault): (text: string) => T {
  return text => {
    const value = read(text);
    if (value instanceof WordFault) throw new InvalidArgumentError(`It ${value.problem}.`);
    return value;
  };
}

async function run(options: Options, io: CliIo): Promise<number> {
  const filter = filterOf(options, Date.now());
  if (typeof filter === 'string') return misused(filter, io);
  const ledger = await openStore(options.config, io);
  if (typeof ledger === 'string') return misused(ledger, io);
  const result = await ledger.summary({ ...filter, by: options.by, limit: options.limit });
  await ledger.close();
  if (!result.ok) {
    io.stderr.write(`weir usage: ${result.problem}\n`);
    return EXIT.failed;
  }
  io.stdout.write(options.json === true ? json(result.value) : text(result.value, options.by, io));
  return EXIT.ok;
}

function text({ rows, truncated }: Summary, by: readonly Dimension[], io: CliIo): string {
  if (rows.length === 0) return 'nothing was used\n';
  const paint = paintFor(io);
  const cells = rows.map(row => [
    ...by.map(dimension => plainCell(row.group[dimension])),
    ...COLUMNS.map(column => plainCell(row[column])),
    usd(row.costNanos),
    plainCell(row.unpriced),
  ]);
  const head = [...by.map(dimension => dimension.toUpperCase()), ...HEAD];
  const all = [head, ...cells];
  const columns = head.map((_, column) => column);
  const isZero = (column: number): boolean => cells.every(row => row[column] === '0');
  const idle = isTooWide(all, io) ? columns.filter(isZero) : [];
  const kept = columns.filter(column => !idle.includes(column));
  const lines = [
    ...tableLines(
      all.map(row => kept.map(column => row[column]!)),
      (cell, row) => (row === 0 ? paint.faint(cell) : cell),
    ),
  ];
  if (idle.length > 0) lines.push(`0 everywhere: ${idle.map(column => head[column]).join(', ')}`);
  if (truncated) lines.push('There is more: --limit');
  return `${lines.join('\n')}\n`;
}

/** Whether its lines would be broken where a person reads. */
function isTooWide(rows: readonly (readonly string[])[], { columns = 0 }: CliIo): boolean {
  return columns > 0 && tableLines(rows).some(line => line.length > columns);
}

/** Nano-dollars as dollars, exact. */
export function usd(nanos: bigint | null): string {
  if (nanos === null) return '-';
  const digits = nanos.toString().padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

/** Costs are written as they are, also past what a double holds: JSON knows no bounds. */
function json({ rows, truncated }: Summary): string {
  const lines = rows.map(({ costNanos, ...row }: SummaryRow) => {
    return `    ${JSON.stringify(row).slice(0, -1)},"costNanos":${costNanos ?? 'null'}}`;
  });
  const list = lines.length === 0 ? '[]' : `[\n${lines.join(',\n')}\n  ]`;
  return `{\n  "rows": ${list},\n  "truncated": ${truncated}\n}\n`;
}

function misused(message: string, io: CliIo): number {
  io.stderr.write(message);
  return EXIT.usage;
}
