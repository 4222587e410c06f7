import { type CliIo, EXIT } from '../io.ts';
import { OPS_HELP, OpsClient, type OpsOptions, openOpsClient, withOpsOption } from '../ops-client.ts';
import { type Paint, paintFor } from '../paint.ts';
import { pick } from '../pick.ts';
import { plainCell, plainText } from '../plain-text.ts';
import { tableLines } from '../table.ts';
import { type AddVerb, examples } from '../verb.ts';

interface Options extends OpsOptions {
  readonly json?: true;
}

type Action = 'release' | 'disable';

const HEAD = ['PROVIDER', 'ID', 'WEIGHT', 'STATE', 'UNTIL', 'REQUESTS', 'LAST USED', 'LAST REFUSAL'];
const MEMBERS = ['provider', 'id', 'weight', 'state', 'until', 'requests', 'lastUsed', 'lastRefusal'];
const STATE_COLUMN = MEMBERS.indexOf('state');

/** `weir provider key`: the pool keys of a running gateway, by name and never by value. */
export const addProvider: AddVerb = (program, io, exit) => {
  const key = program
    .command('provider')
    .description('look at the pool keys of a running gateway, switch one off or on again')
    .addHelpText(
      'after',
      examples([
        ['weir provider key list', 'how each pool key fares'],
        ['weir provider key disable lab spare', 'use that key no more'],
      ]),
    )
    .command('key')
    .description('the keys under providers.<name>.keys')
    .addHelpText('after', examples([['weir provider key list', 'how each pool key fares']]));
  withOpsOption(key.command('list'))
    .description('show how each key fares')
    .argument('[provider]', 'only this one’s')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(LIST_EXAMPLES) + STATES_HELP + OPS_HELP)
    .action(async (provider: string | undefined, options: Options) =>
      exit(await list(provider, options, io)),
    );
  for (const action of ['release', 'disable'] as const) {
    withOpsOption(key.command(action))
      .description(DESCRIPTIONS[action])
      .argument('<provider>', 'as in the config')
      .argument('<id>', 'as weir provider key list shows it')
      .option('--json', 'print JSON')
      .addHelpText(
        'after',
        examples([[`weir provider key ${action} lab spare`, MEANINGS[action]]]) + OPS_HELP,
      )
      .action(async (provider: string, id: string, options: Options) =>
        exit(await act(action, provider, id, options, io)),
      );
  }
};

const DESCRIPTIONS = {
  release: 'use a key again at once, whatever was held against it',
  disable: 'use a key no more, until a release or a restart',
} as const;
const MEANINGS = {
  release: 'the provider has said that it is good again',
  disable: 'it leaked: new requests take the other keys',
} as const;
const LIST_EXAMPLES = [
  ['weir provider key list', 'every key of every provider'],
  ['weir provider key list lab --json', 'for a script'],
] as const;
const STATES_HELP = `

States: usable; cooling (429, until the time shown); quarantined (refused by the
provider, until the time shown); trial (the next request tries it); disabled.`;

async function list(provider: string | undefined, options: Options, io: CliIo): Promise<number> {
  const client = openOpsClient(options, io);
  if (typeof client === 'string') return misused(client, io);
  const result = await client.call('GET', '/providers/keys');
  if (!result.ok) return failed(result.problem, io);
  const all = pick(result.body, 'keys');
  if (!Array.isArray(all)) return failed('the gateway gave no list of keys: is it another version?', io);
  const keys = all.filter(key => provider === undefined || pick(key, 'provider') === provider);
  if (keys.length === 0 && provider !== undefined)
    return failed(`no provider ${plainText(provider)} has a pool key: weir provider key list shows all.`, io);
  const text = keys.length === 0 ? 'no provider has a pool key' : table(keys, paintFor(io));
  io.stdout.write(options.json === true ? `${JSON.stringify({ keys }, null, 2)}\n` : `${text}\n`);
  return EXIT.ok;
}

function table(keys: readonly unknown[], paint: Paint): string {
  const rows = keys.map(key => MEMBERS.map(member => plainCell(pick(key, member))));
  return tableLines([HEAD, ...rows], (text, row, column) => {
    if (row === 0) return paint.faint(text);
    if (column !== STATE_COLUMN) return text;
    return text === 'usable' ? paint.good(text) : paint.bad(text);
  }).join('\n');
}

async function act(
  action: Action,
  provider: string,
  id: string,
  options: Options,
  io: CliIo,
): Promise<number> {
  const path = OpsClient.path('providers', provider, 'keys', id, action);
  if (path === null) return misused('error: neither the provider nor the id can be empty or dots\n', io);
  const client = openOpsClient(options, io);
  if (typeof client === 'string') return misused(client, io);
  const result = await client.call('POST', path);
  if (!result.ok) return failed(result.problem, io);
  const state = plainCell(pick(result.body, 'state'));
  const text = `${plainText(provider)} ${plainText(id)} is ${state} now`;
  io.stdout.write(options.json === true ? `${JSON.stringify(result.body, null, 2)}\n` : `${text}\n`);
  return EXIT.ok;
}

function failed(problem: string, io: CliIo): number {
  io.stderr.write(`weir provider: ${problem}\n`);
  return EXIT.failed;
}

function misused(text: string, io: CliIo): number {
  io.stderr.write(text);
  return EXIT.usage;
}
