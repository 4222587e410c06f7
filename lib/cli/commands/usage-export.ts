import { once } from 'node:events';
import { extname } from 'node:path';
import { type Command, Option } from 'commander';
import { Secret } from '../../base/index.ts';
import type { FactFilter, Ledger } from '../../store/index.ts';
import {
  EXPORT_FORMATS,
  type ExportFormat,
  type ExportOrder,
  FACT_CSV_HEAD,
  factCsvLine,
  readSigningKey,
  type SigningKey,
  writeExport,
  writeFactFile,
} from '../../usage/index.ts';
import { count } from '../count.ts';
import { type CliIo, EXIT } from '../io.ts';
import { readSecretFile } from '../issuer-secret.ts';
import { plainText } from '../plain-text.ts';
import {
  filterOf,
  type QueryOptions,
  storeOf,
  TIMES_HELP,
  usageOf,
  withQueryOptions,
} from '../usage-query.ts';
import { examples } from '../verb.ts';
import { usd } from './usage-summary.ts';

interface Options extends QueryOptions {
  readonly format?: ExportFormat;
  readonly out?: string;
  readonly sign?: string;
  readonly force?: true;
}

const FACTS_PER_PAGE = 2000;
/** How often a person hears how far it is. */
const PROGRESS_MS = 250;
const INTERRUPTED = 130;

const OUT_HELP = `

Without --out the facts go to stdout. A name that ends in .csv, .ndjson or .parquet
is one file; any other is a folder: files of at most a million facts, summary.csv
(totals by subject and model) and manifest.json, which names each file's SHA-256.
With --sign manifest.json.sig is its Ed25519 signature: weir usage verify.`;

/** `weir usage export`: the facts themselves, to stdout, a file or a folder with its manifest. */
export function addExport(group: Command, io: CliIo, exit: (status: number) => void): void {
  withQueryOptions(group.command('export'))
    .description('write the facts of the store, oldest first')
    .addOption(
      new Option('--format <format>', 'how (without it: as --out ends, else csv)').choices(EXPORT_FORMATS),
    )
    .option('-o, --out <place>', 'a file or a folder that does not exist')
    .option('--sign <file>', 'sign the manifest with the key in this file (weir issuer new)')
    .option('--force', 'replace an export that is there')
    .addHelpText(
      'after',
      examples([
        ['weir usage export -c config.yaml --month 2026-11 > november.csv', 'for a spreadsheet'],
        ['weir usage export -c config.yaml --subject alice --format ndjson', 'for a script'],
        [
          'weir usage export -c config.yaml --month 2026-11 --format parquet --out november --sign bill.key',
          'for somebody else',
        ],
      ]) +
        OUT_HELP +
        TIMES_HELP,
    )
    .action(async (options: Options) => exit(await run(options, io)));
}

/** The format where it is not stated otherwise, and what may not stand together. */
function formatOf({ format, out, sign, force }: Options): ExportFormat | string {
  const ending = EXPORT_FORMATS.find(name => extname(out ?? '') === `.${name}`);
  if (out === undefined) {
    if (format === 'parquet') return 'error: Parquet needs --out: a file or a folder\n';
    if (sign !== undefined || force === true) return 'error: --sign and --force need --out\n';
  }
  if (ending === undefined) return format ?? 'csv';
  if (sign !== undefined) return 'error: --sign needs a folder: what is signed is its manifest\n';
  return format === undefined || format === ending
    ? ending
    : `error: --out ends in .${ending}: say so or drop --format\n`;
}

function isFormat(text: string): text is ExportFormat {
  return EXPORT_FORMATS.some(format => format === text);
}

async function run(options: Options, io: CliIo): Promise<number> {
  const nowMs = Date.now();
  const format = formatOf(options);
  if (!isFormat(format)) return misused(format, io);
  const filter = filterOf(options, nowMs);
  if (typeof filter === 'string') return misused(filter, io);
  const signingKey = keyFrom(options.sign, io);
  if (typeof signingKey === 'string') return misused(signingKey, io);
  const usage = await usageOf(options.config, io);
  if (typeof usage === 'string') return misused(usage, io);
  const ledger = await storeOf(usage, options.config);
  if (usage === null || typeof ledger === 'string') return misused(String(ledger), io);
  const { graceMs } = usage;
  const { out, month = null, force = false } = options;
  const order = { ledger, filter, format, nowMs, graceMs, periodName: month, signingKey, force };
  const problem = out === undefined ? await stream(ledger, filter, format, io) : await write(out, order, io);
  await ledger.close();
  if (problem === INTERRUPTED) return INTERRUPTED;
  if (problem !== null) {
    io.stderr.write(`weir usage: ${problem}\n`);
    return EXIT.failed;
  }
  const { untilMs } = filter;
  if (untilMs !== undefined && untilMs + graceMs > nowMs)
    io.stderr.write(`note: ${month ?? 'this span'} is not closed: facts of it may still come\n`);
  return EXIT.ok;
}

/** The key in a file, null without one, or what is wrong. */
function keyFrom(file: string | undefined, io: CliIo): SigningKey | string | null {
  if (file === undefined) return null;
  const secret = readSecretFile(file, '--sign takes one that `weir issuer new` wrote', io);
  if (typeof secret !== 'string') return `error: ${secret.problem}\n`;
  const key = readSigningKey(new Secret(secret));
  return typeof key === 'string' ? `error: the file ${file} ${key}\n` : key;
}

/** To a file or a folder, until Ctrl-C. The problem that stopped it, or null. */
async function write(out: string, order: ExportOrder, io: CliIo): Promise<string | number | null> {
  const stop = new AbortController();
  const stopped = (): void => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) io.signals.on(signal, stopped);
  const progress = io.isTty ? progressOn(io) : null;
  const told = { ...order, signal: stop.signal, ...(progress === null ? {} : { onProgress: progress.tell }) };
  const isFile = EXPORT_FORMATS.some(format => extname(out) === `.${format}`);
  const result = isFile ? await writeFactFile(out, told) : await writeExport(out, told);
  progress?.clear();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) io.signals.off(signal, stopped);
  if (!result.ok && stop.signal.aborted) io.stderr.write(`weir usage: ${result.problem}\n`);
  if (!result.ok) return stop.signal.aborted ? INTERRUPTED : result.problem;
  const totals = 'totals' in result ? result.totals : result.manifest.totals;
  const signer = 'totals' in result ? null : result.manifest.signedBy;
  const said = [
    count(totals.facts, 'fact', 'facts'),
    ...(totals.costNanos === null ? [] : [`${usd(totals.costNanos)} USD`]),
    ...(totals.unpriced > 0 ? [`${totals.unpriced} unpriced`] : []),
  ];
  io.stdout.write(`${plainText(out)}: ${said.join(', ')}\n`);
  if (signer !== null) io.stdout.write(`signed: weir usage verify ${plainText(out)} --key ${signer}\n`);
  return null;
}

/** One line that is written over again and again. */
function progressOn({ stderr }: CliIo): { tell(facts: number): void; clear(): void } {
  let nextMs = 0;
  return {
    tell: facts => {
      if (performance.now() < nextMs) return;
      nextMs = performance.now() + PROGRESS_MS;
      stderr.write(`\r${facts} facts`);
    },
    clear: () => stderr.write('\r\u001b[K'),
  };
}

/** Page by page, no faster than it is read. The problem that stopped it, or null. */
async function stream(
  ledger: Ledger,
  filter: FactFilter,
  format: ExportFormat,
  { stdout }: CliIo,
): Promise<string | null> {
  const line = format === 'csv' ? factCsvLine : (fact: string): string => `${fact}\n`;
  let head = format === 'csv' ? FACT_CSV_HEAD : '';
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
    // A reader that leaves early (`| head`) has what it wanted.
    if (!stdout.write(text) && !(await drained(stdout))) return null;
    after = page.value.next;
  } while (after !== null);
  return null;
}

/** False where the reader has left. */
async function drained(stdout: CliIo['stdout']): Promise<boolean> {
  if (!stdout.writable) return false;
  return once(stdout, 'drain').then(
    () => true,
    () => false,
  );
}

function misused(message: string, io: CliIo): number {
  io.stderr.write(message);
  return EXIT.usage;
}
