import { describeProviders, loadCatalogue, type ProviderDescription } from '../../providers/index.ts';
import { CONFIG_FREE_URL } from '../default-url.ts';
import { type CliIo, EXIT } from '../io.ts';
import { type Paint, paintFor } from '../paint.ts';
import { findProvider } from '../suggestion.ts';
import { tableLines } from '../table.ts';
import { type AddVerb, examples } from '../verb.ts';

interface Options {
  readonly url: string;
  readonly json?: true;
}

/** `weir providers`: every provider row, or one of them whole. */
export const addProviders: AddVerb = (program, io, exit) => {
  program
    .command('providers')
    .description('list the known providers and the base URL each tool must be given')
    .argument('[name]', 'show this one whole')
    .option('--url <url>', 'where the gateway is, for the base URLs', CONFIG_FREE_URL)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      examples([
        ['weir providers', 'one line each'],
        ['weir providers demo', 'everything known about one'],
        ['weir providers --url https://llm.example.com', 'base URLs as your users must set them'],
        ['weir providers --json', 'for a script'],
      ]),
    )
    .action((name: string | undefined, options: Options) => exit(run(name, options, io)));
};

function run(name: string | undefined, options: Options, io: CliIo): number {
  const rows = describeProviders(loadCatalogue());
  const url = options.url.replace(/\/+$/, '');
  const paint = paintFor(io);
  let shown: unknown = rows;
  let lines: readonly string[];
  if (name === undefined) {
    lines = [...allLines(rows, url, paint), '', `${io.invocation} providers <name> shows one whole.`];
  } else {
    const found = findProvider(rows, name);
    if ('problem' in found) {
      io.stderr.write(found.problem);
      return EXIT.usage;
    }
    shown = found;
    lines = oneLines(found, url, paint);
  }
  io.stdout.write(options.json === true ? `${JSON.stringify(shown, null, 2)}\n` : `${lines.join('\n')}\n`);
  return EXIT.ok;
}

function allLines(rows: readonly ProviderDescription[], url: string, paint: Paint): readonly string[] {
  const head = ['NAME', 'TITLE', 'BASE URL TO SET', 'KEY AS', 'VERIFIED'];
  const cells = rows.map(row => [
    row.name,
    row.title,
    firstBase(row, url),
    row.auth,
    row.verified ? 'yes' : 'no',
  ]);
  return tableLines([head, ...cells], (text, row, column) => {
    if (row === 0) return paint.faint(text);
    if (column === 0) return paint.strong(text);
    return text === 'no' && column === head.length - 1 ? paint.bad(text) : text;
  });
}

/** The base URL most users need: the first tool's. */
function firstBase(row: ProviderDescription, url: string): string {
  return `${url}/${row.name}${row.clients[0]?.base ?? ''}`;
}

function oneLines(row: ProviderDescription, url: string, paint: Paint): readonly string[] {
  const facts: (readonly [string, string])[] = [
    ['name', row.name],
    ['also called', row.aliases.join(', ')],
    ['origin', row.origin ?? (row.needs.includes('origin') ? 'from your config' : 'built in')],
    ['config must give', row.needs.join(', ')],
    ['key as', row.auth],
    ['dialects', row.dialects.join(', ')],
    ['also reached at', row.bare.map(path => url + path).join(', ')],
    ['models', row.models === null ? '' : `${url}/${row.name}${row.models}`],
    ['verified', verifiedText(row)],
  ];
  const lines = [paint.strong(row.title), ...indented(facts.filter(([, value]) => value !== ''))];
  const section = (title: string, rows: readonly (readonly string[])[]): void => {
    if (rows.length > 0) lines.push('', paint.strong(title), ...indented(rows));
  };
  section(
    'Base URL to set',
    row.clients.map(({ tool, base }) => [tool, `${url}/${row.name}${base}`]),
  );
  section(
    'Other origins (providers.<name>.origin)',
    row.otherOrigins.map(other => [other.origin, other.for]),
  );
  section(
    'Notes',
    row.notes.map(note => [note]),
  );
  section(
    'Documentation',
    row.docs.map(page => [page]),
  );
  return lines;
}

function verifiedText({ verified, unverified }: ProviderDescription): string {
  const secondHand = unverified.length === 0 ? '' : `: ${unverified.join(', ')} second-hand`;
  return verified ? `yes${secondHand.replace(':', ', but')}` : `no${secondHand}`;
}

function indented(rows: readonly (readonly string[])[]): readonly string[] {
  return tableLines(rows).map(line => `  ${line}`);
}
