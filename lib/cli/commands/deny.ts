import { Argument, type Command, Option } from 'commander';
import { MOMENT_WORDS, parseInstant, parseMoment } from '../../base/index.ts';
import { editYamlList, readYamlList } from '../../config/index.ts';
import { DENY_KINDS, type DenyEntry, type DenyKind, denyRows } from '../deny-entry.ts';
import { type CliIo, EXIT } from '../io.ts';
import {
  OPS_HELP,
  OpsClient,
  type OpsOptions,
  type OpsResult,
  openOpsClient,
  withOpsOption,
} from '../ops-client.ts';
import { paintFor } from '../paint.ts';
import { pick } from '../pick.ts';
import { plainCell, plainText } from '../plain-text.ts';
import { tableLines } from '../table.ts';
import { type AddVerb, examples } from '../verb.ts';

/** Where the entries are: behind a gateway, or in a file. */
interface PlaceOptions extends OpsOptions {
  readonly file?: string;
  readonly json?: true;
}
interface AddOptions extends PlaceOptions {
  readonly reason: string;
  readonly until?: string;
  readonly issuedBefore?: string;
}
interface ListOptions extends PlaceOptions {
  readonly kind?: DenyKind;
  readonly limit: string;
  readonly after?: string;
}

/** Entries asked for at once. */
const PAGE_MAX = 1000;
const LIMIT_MAX = 1_000_000;

/** `weir deny`: keys, subjects and issuers that are refused although their signature is good. */
export const addDeny: AddVerb = (program, io, exit) => {
  const deny = program
    .command('deny')
    .description('refuse a key, a subject or an issuer at once, or allow it again')
    .addHelpText(
      'after',
      examples([
        ['weir deny add subject alice --reason left', 'all keys of alice, from now on'],
        ['weir deny list', 'what is refused, and since which source'],
        ['weir deny remove subject alice', 'allowed again'],
      ]),
    );
  placed(deny.command('add'), 'write the entry into this YAML deny file instead')
    .description('refuse from now on; an entry that is there is replaced')
    .addArgument(kindArgument())
    .argument('<id>', 'the jti of a key, the subject, or the PASERK id of an issuer (k4.pid.…)')
    .requiredOption('--reason <word>', 'for the records; spend answers 402, all others 401')
    .option('--until <when>', `allow again then: ${MOMENT_WORDS}`)
    .option('--issued-before <time>', 'only keys issued before; a time, or now')
    .addHelpText('after', examples(ADD_EXAMPLES) + OPS_HELP)
    .action(async (kind: DenyKind, id: string, options: AddOptions) =>
      exit(await add(kind, id, options, io)),
    );
  placed(deny.command('remove'), 'remove the entry from this YAML deny file instead')
    .description('allow again')
    .addArgument(kindArgument())
    .argument('<id>', 'as it was denied')
    .addHelpText('after', examples(REMOVE_EXAMPLES) + OPS_HELP)
    .action(async (kind: DenyKind, id: string, options: PlaceOptions) =>
      exit(await remove(kind, id, options, io)),
    );
  placed(deny.command('list'), 'show the entries of this YAML deny file instead')
    .description('show what is refused')
    .addOption(new Option('--kind <kind>', 'only these').choices(DENY_KINDS))
    .option('--limit <n>', 'show at most so many', String(PAGE_MAX))
    .option('--after <cursor>', 'go on where an earlier list ended')
    .addHelpText('after', examples(LIST_EXAMPLES) + OPS_HELP)
    .action(async (options: ListOptions) => exit(await list(options, io)));
};

const ADD_EXAMPLES = [
  ['weir deny add key 01JB… --reason fraud', 'one key, until it is removed'],
  ['weir deny add subject alice --reason left --until 30d', 'all keys of a subject, for 30 days'],
  ['weir deny add issuer k4.pid.… --reason leaked --issued-before now', 'what an issuer has signed so far'],
  ['weir deny add key 01JB… --reason spend --file deny.yaml', 'into a file that gateways watch'],
] as const;
const REMOVE_EXAMPLES = [
  ['weir deny remove key 01JB…', 'it works again within a second'],
  ['weir deny remove subject alice --file deny.yaml', 'out of a file that gateways watch'],
] as const;
const LIST_EXAMPLES = [
  ['weir deny list', 'everything that is refused'],
  ['weir deny list --kind subject --json', 'for a script'],
] as const;

function placed(command: Command, fileWords: string): Command {
  return withOpsOption(command)
    .addOption(new Option('--file <file>', fileWords).conflicts('ops'))
    .option('--json', 'print JSON');
}

function kindArgument(): Argument {
  return new Argument('<kind>', 'what is named').choices(DENY_KINDS);
}

async function add(kind: DenyKind, id: string, options: AddOptions, io: CliIo): Promise<number> {
  const entry = entryOf(kind, id, options, Date.now());
  if (typeof entry === 'string') return misused(entry, io);
  const said = `denied: ${described(entry)}`;
  if (options.file !== undefined) {
    const edited = await editYamlList(options.file, { matches: sameAs(kind, id), replacement: entry });
    if (!edited.ok) return failed(edited.message, io);
    return done({ json: entry, text: `${said}\n${fileNow(options.file, edited.count)}` }, options, io);
  }
  const client = openOpsClient(options, io);
  if (typeof client === 'string') return misused(client, io);
  return report(await client.call('POST', '/deny', entry), said, options, io);
}

async function remove(kind: DenyKind, id: string, options: PlaceOptions, io: CliIo): Promise<number> {
  const path = OpsClient.path('deny', kind, id);
  const said = `allowed again: ${kind} ${plainText(id)}`;
  if (options.file !== undefined) {
    const edited = await editYamlList(options.file, { matches: sameAs(kind, id), replacement: null });
    if (!edited.ok) return failed(edited.message, io);
    if (edited.matched === 0) return failed(`${options.file} has no entry for ${kind} ${plainText(id)}.`, io);
    return done({ json: { kind, id }, text: `${said}\n${fileNow(options.file, edited.count)}` }, options, io);
  }
  if (path === null) return misused(`error: '${plainText(id)}' cannot be an id\n`, io);
  const client = openOpsClient(options, io);
  if (typeof client === 'string') return misused(client, io);
  return report(await client.call('DELETE', path), said, options, io);
}

async function list(options: ListOptions, io: CliIo): Promise<number> {
  const limit = Number(options.limit);
  if (!Number.isInteger(limit) || limit < 1 || limit > LIMIT_MAX)
    return misused(`error: --limit takes a number from 1 to ${LIMIT_MAX}\n`, io);
  if (options.file !== undefined) {
    const read = readYamlList(options.file);
    if (!read.ok) return failed(read.message, io);
    const entries = read.entries.filter(
      entry => options.kind === undefined || pick(entry, 'kind') === options.kind,
    );
    return shown({ entries: entries.slice(0, limit), next: null }, options, io);
  }
  const client = openOpsClient(options, io);
  if (typeof client === 'string') return misused(client, io);
  const listed = await pages(client, options, limit);
  return typeof listed === 'string' ? failed(listed, io) : shown(listed, options, io);
}

interface Listed {
  readonly entries: readonly unknown[];
  /** Where a further list would go on; null at the end. */
  readonly next: string | null;
}

/** Pages until there are `limit` entries or no more; or what is wrong. */
async function pages(
  client: OpsClient,
  { kind, after }: ListOptions,
  limit: number,
): Promise<Listed | string> {
  const entries: unknown[] = [];
  let next: string | null = after ?? null;
  do {
    const query = new URLSearchParams({ limit: String(Math.min(PAGE_MAX, limit - entries.length)) });
    if (kind !== undefined) query.set('kind', kind);
    if (next !== null) query.set('after', next);
    const result = await client.call('GET', `/deny?${query}`);
    if (!result.ok) return result.problem;
    const page = pick(result.body, 'entries');
    if (!Array.isArray(page)) return 'the gateway gave no list of entries: is it another version?';
    entries.push(...page);
    const cursor = pick(result.body, 'next');
    next = typeof cursor === 'string' && page.length > 0 ? cursor : null;
  } while (next !== null && entries.length < limit);
  return { entries, next };
}

function shown({ entries, next }: Listed, options: ListOptions, io: CliIo): number {
  const paint = paintFor(io);
  const rows = tableLines(denyRows(entries), (text, row) => (row === 0 ? paint.faint(text) : text));
  const text = entries.length === 0 ? 'nothing is denied' : rows.join('\n');
  if (next !== null && options.json !== true)
    io.stderr.write(`there are more: go on with --after ${plainText(next)}\n`);
  return done({ json: { entries, next }, text }, options, io);
}

/** The entry that options speak of, or the text of a usage error. */
function entryOf(
  kind: DenyKind,
  id: string,
  { reason, until, issuedBefore }: AddOptions,
  nowMs: number,
): DenyEntry | string {
  if (id === '') return 'error: the id is empty\n';
  const untilTime = until === undefined ? undefined : parseMoment(until, nowMs);
  if (untilTime === null) return `error: --until takes ${MOMENT_WORDS}\n`;
  if (untilTime !== undefined && Date.parse(untilTime) <= nowMs) return 'error: --until is in the past\n';
  const issued = issuedBefore === 'now' ? new Date(nowMs).toISOString() : issuedBefore;
  const issuedTime = issued === undefined ? undefined : parseInstant(issued);
  if (issuedTime === null)
    return 'error: --issued-before takes a time such as 2030-01-31T12:00:00Z, or now\n';
  return {
    kind,
    id,
    reason,
    ...(untilTime === undefined ? {} : { until: untilTime }),
    ...(issuedTime === undefined ? {} : { issuedBefore: issuedTime }),
  };
}

function sameAs(kind: DenyKind, id: string): (entry: unknown) => boolean {
  return entry => pick(entry, 'kind') === kind && pick(entry, 'id') === id;
}

function described({ kind, id, reason, until, issuedBefore }: DenyEntry): string {
  const issued = issuedBefore === undefined ? '' : `, as far as issued before ${issuedBefore}`;
  return `${kind} ${plainCell(id)} (${plainCell(reason)}) ${until === undefined ? 'until it is removed' : `until ${until}`}${issued}`;
}

function fileNow(file: string, count: number): string {
  return `${file} has ${count} ${count === 1 ? 'entry' : 'entries'}; gateways that watch it read it by themselves`;
}

function report(result: OpsResult, text: string, options: PlaceOptions, io: CliIo): number {
  return result.ok ? done({ json: result.body, text }, options, io) : failed(result.problem, io);
}

function done(said: { json: unknown; text: string }, options: PlaceOptions, io: CliIo): number {
  io.stdout.write(options.json === true ? `${JSON.stringify(said.json, null, 2)}\n` : `${said.text}\n`);
  return EXIT.ok;
}

function failed(problem: string, io: CliIo): number {
  io.stderr.write(`weir deny: ${problem}\n`);
  return EXIT.failed;
}

function misused(text: string, io: CliIo): number {
  io.stderr.write(text);
  return EXIT.usage;
}
