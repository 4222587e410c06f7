import { type Command, Option } from 'commander';
import { MOMENT_WORDS, parseMoment } from '../../base/index.ts';
import { KEY_STATES, type KeyState } from '../../store/index.ts';
import { type CliIo, EXIT } from '../io.ts';
import { type KeyFlags, keyRequest, withGrantOptions } from '../key-flags.ts';
import { besideKey, keyDetails, keyRows, STATE_COLUMN } from '../key-records.ts';
import { OPS_HELP, OpsClient, type OpsOptions, openOpsClient, withOpsOption } from '../ops-client.ts';
import { paintFor } from '../paint.ts';
import { pick } from '../pick.ts';
import { plainText } from '../plain-text.ts';
import { tableLines } from '../table.ts';
import { examples } from '../verb.ts';

interface Options extends OpsOptions {
  readonly json?: true;
}
interface CreateOptions extends Options, KeyFlags {
  readonly name?: string;
  readonly notes?: string;
  readonly issuerId?: string;
}
interface ListOptions extends Options {
  readonly subject?: string;
  readonly state?: KeyState;
  readonly limit: string;
  readonly after?: string;
}
interface RotateOptions extends Options {
  readonly grace?: string;
  readonly expires?: string;
}
interface TouchOptions extends Options {
  readonly name?: string;
  readonly notes?: string;
}

type Exit = (status: number) => void;

const ACTIONS = {
  disable: ['refuse a key on record, on all instances', 'refused within a second, until it is enabled'],
  enable: ['accept a disabled key again', 'it works again'],
} as const;

/** `weir key create`, `list`, `show`, `disable`, `enable`, `rotate` and `touch`: keys in the store of a running gateway. */
export function addKeyRecords(group: Command, io: CliIo, exit: Exit): void {
  addCreate(group, io, exit);
  addLooks(group, io, exit);
  for (const action of ['disable', 'enable'] as const) {
    const [description, meaning] = ACTIONS[action];
    onRecord(group, action, description)
      .addHelpText('after', examples([[`weir key ${action} 4f1c…`, meaning]]) + OPS_HELP)
      .action(async (jti: string, options: Options) => exit(await act(action, jti, undefined, options, io)));
  }
  addRotate(group, io, exit);
  onRecord(group, 'touch', 'say that a key is still wanted; change its name and notes')
    .option('--name <text>', 'what people call it; empty for none')
    .option('--notes <text>', 'whatever should be remembered; empty for none')
    .addHelpText(
      'after',
      examples([['weir key touch 4f1c… --name "CI, main branch"', 'a better name']]) + OPS_HELP,
    )
    .action(async (jti: string, options: TouchOptions) =>
      exit(await act('touch', jti, labelsOf(options), options, io)),
    );
}

function onRecord(group: Command, action: string, description: string): Command {
  return withOpsOption(group.command(action))
    .description(description)
    .argument('<jti>', 'as weir key list shows it')
    .option('--json', 'print JSON');
}

function addCreate(group: Command, io: CliIo, exit: Exit): void {
  withGrantOptions(withOpsOption(group.command('create')))
    .description('have a running gateway make a key and put it on record; prints the key, once')
    .option('--name <text>', 'what people call it')
    .option('--notes <text>', 'whatever should be remembered')
    .option('--issuer-id <id>', 'k4.pid.… of the issuer that signs it; without it the first that can')
    .option('--json', 'print JSON: the key and its record')
    .addHelpText(
      'after',
      examples([
        ['weir key create --subject alice --name laptop', 'all that is configured, for 30 days'],
        ["KEY=$(weir key create --subject ci --expires 7d --model 'gpt-*')", 'the key alone, for a script'],
      ]) + OPS_HELP,
    )
    .action(async (options: CreateOptions) => exit(await create(options, io)));
}

function addLooks(group: Command, io: CliIo, exit: Exit): void {
  withOpsOption(group.command('list'))
    .description('show the keys on record, newest first')
    .option('--subject <name>', 'only this subject’s')
    .addOption(new Option('--state <state>', 'only those that are').choices(KEY_STATES))
    .option('--limit <n>', 'show at most so many, up to 1000', '100')
    .option('--after <cursor>', 'go on where an earlier list ended')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        ['weir key list', 'who has which key, and when it was last used'],
        ['weir key list --subject alice --state active --json', 'for a script'],
      ]) + OPS_HELP,
    )
    .action(async (options: ListOptions) => exit(await list(options, io)));
  onRecord(group, 'show', 'show all that is known of a key on record')
    .addHelpText('after', examples([['weir key show 4f1c…', 'its grant, its dates, who made it']]) + OPS_HELP)
    .action(async (jti: string, options: Options) => exit(await show(jti, options, io)));
}

function addRotate(group: Command, io: CliIo, exit: Exit): void {
  onRecord(group, 'rotate', 'make the successor of a key; prints it, once')
    .option('--grace <span>', 'how long the old one still holds, as 24h, 30m or 0s (without it 24h)')
    .option('--expires <when>', `${MOMENT_WORDS}; without it as long a life as the old one had`)
    .addHelpText(
      'after',
      examples([
        ['weir key rotate 4f1c…', 'both hold for a day, then the new one alone'],
        ['weir key rotate 4f1c… --grace 0s', 'it leaked: the old one ends now'],
      ]) + OPS_HELP,
    )
    .action(async (jti: string, options: RotateOptions) => exit(await rotate(jti, options, io)));
}

async function create(options: CreateOptions, io: CliIo): Promise<number> {
  const request = keyRequest(options, new Date());
  if ('problem' in request) return misused(`error: ${request.problem}\n`, io);
  const { name, notes, issuerId } = options;
  const labels = Object.entries({ name, notes, issuerId }).filter(([, value]) => value !== undefined);
  return made('/keys', { ...request.claims, ...Object.fromEntries(labels) }, options, io);
}

async function rotate(jti: string, options: RotateOptions, io: CliIo): Promise<number> {
  const path = pathOf(jti, 'rotate');
  if (typeof path !== 'string') return misused(path.problem, io);
  const { grace, expires: when } = options;
  const expires = when === undefined ? undefined : parseMoment(when, Date.now());
  if (expires === null) return misused(`error: --expires is not ${MOMENT_WORDS}\n`, io);
  return made(path, { grace, expires }, options, io);
}

/** A call whose answer holds a new key: it alone goes to standard output. */
async function made(path: string, body: object, options: Options, io: CliIo): Promise<number> {
  const client = openOpsClient(options, io);
  if (typeof client === 'string') return misused(client, io);
  const result = await client.call('POST', path, body);
  if (!result.ok) return failed(result.problem, io);
  const key = pick(result.body, 'key');
  if (typeof key !== 'string') return failed('the gateway gave no key: is it another version?', io);
  io.stdout.write(
    options.json === true ? `${JSON.stringify(result.body, null, 2)}\n` : `${plainText(key)}\n`,
  );
  io.stderr.write(`${besideKey(result.body)}\n`);
  return EXIT.ok;
}

async function list(options: ListOptions, io: CliIo): Promise<number> {
  const { subject, state, limit, after } = options;
  const client = openOpsClient(options, io);
  if (typeof client === 'string') return misused(client, io);
  const words = Object.entries({ subject, state, limit, after }).flatMap(([name, word]) =>
    word === undefined ? [] : [[name, word]],
  );
  const result = await client.call('GET', `/keys?${new URLSearchParams(words)}`);
  if (!result.ok) return failed(result.problem, io);
  const keys = pick(result.body, 'keys');
  if (!Array.isArray(keys)) return failed('the gateway gave no list of keys: is it another version?', io);
  if (options.json === true) return json(result.body, io);
  const paint = paintFor(io);
  const lines = tableLines(keyRows(keys), (text, row, column) => {
    if (row === 0) return paint.faint(text);
    if (column !== STATE_COLUMN) return text;
    return text === 'active' ? paint.good(text) : paint.bad(text);
  });
  const none = words.length === 0 ? 'no key is on record' : 'no such key is on record';
  io.stdout.write(`${keys.length === 0 ? none : lines.join('\n')}\n`);
  const next = pick(result.body, 'next');
  if (typeof next === 'string') io.stderr.write(`there are more: go on with --after ${plainText(next)}\n`);
  return EXIT.ok;
}

async function show(jti: string, options: Options, io: CliIo): Promise<number> {
  const path = pathOf(jti);
  if (typeof path !== 'string') return misused(path.problem, io);
  const client = openOpsClient(options, io);
  if (typeof client === 'string') return misused(client, io);
  const result = await client.call('GET', path);
  if (!result.ok) return failed(result.problem, io);
  if (options.json === true) return json(result.body, io);
  io.stdout.write(`${keyDetails(result.body).join('\n')}\n`);
  return EXIT.ok;
}

async function act(
  action: 'disable' | 'enable' | 'touch',
  jti: string,
  body: object | undefined,
  options: Options,
  io: CliIo,
): Promise<number> {
  const path = pathOf(jti, action);
  if (typeof path !== 'string') return misused(path.problem, io);
  const client = openOpsClient(options, io);
  if (typeof client === 'string') return misused(client, io);
  const result = await client.call('POST', path, body);
  if (!result.ok) return failed(result.problem, io);
  if (options.json === true) return json(result.body, io);
  const state = plainText(String(pick(result.body, 'state')));
  const said =
    action === 'touch' ? `touched: ${plainText(jti)} (${state})` : `${plainText(jti)} is ${state} now`;
  io.stdout.write(`${said}\n`);
  return EXIT.ok;
}

/** An empty text takes the label away. */
function labelsOf({ name, notes }: TouchOptions): object {
  const labels = Object.entries({ name, notes }).filter(([, text]) => text !== undefined);
  return Object.fromEntries(labels.map(([label, text]) => [label, text === '' ? null : text]));
}

/** The path of a call on one key. A whole key must not travel to where paths are kept. */
function pathOf(jti: string, ...action: readonly string[]): string | { readonly problem: string } {
  if (jti.includes('v4.public.'))
    return { problem: 'error: that is a whole key: weir key inspect shows the id in it\n' };
  return OpsClient.path('keys', jti, ...action) ?? { problem: 'error: the jti cannot be empty or dots\n' };
}

function json(body: unknown, io: CliIo): number {
  io.stdout.write(`${JSON.stringify(body, null, 2)}\n`);
  return EXIT.ok;
}

function failed(problem: string, io: CliIo): number {
  io.stderr.write(`weir key: ${problem}\n`);
  return EXIT.failed;
}

function misused(text: string, io: CliIo): number {
  io.stderr.write(text);
  return EXIT.usage;
}
