import { type Command, InvalidArgumentError } from 'commander';
import type { AuditHead, AuditLink, ChainVerdict } from '../../store/index.ts';
import { count } from '../count.ts';
import { type CliIo, EXIT } from '../io.ts';
import { paintFor } from '../paint.ts';
import { pick } from '../pick.ts';
import { plainCell } from '../plain-text.ts';
import { tableLines } from '../table.ts';
import { openStore } from '../usage-query.ts';
import { type AddVerb, examples } from '../verb.ts';

interface Options {
  readonly config: string;
  readonly json?: true;
}
interface VerifyOptions extends Options {
  readonly head?: AuditHead;
}
interface ListOptions extends Options {
  readonly limit: number;
  readonly after?: number;
}

/** `weir audit`: the chain of admin changes in the store. */
export const addAudit: AddVerb = (program, io, exit) => {
  const audit = program
    .command('audit')
    .description('show who changed what as an admin, or prove that none of it was changed since')
    .addHelpText(
      'after',
      examples([
        ['weir audit verify -c config.yaml', 'exit 0 when the chain is whole, else 1'],
        ['weir audit list -c config.yaml', 'the last changes'],
      ]),
    );
  placed(audit.command('verify'))
    .description('walk along the whole chain: does each entry follow from the one before?')
    .option('--head <seq:hash>', 'a head that was kept elsewhere: the chain must lead past it', parseHead)
    .addHelpText(
      'after',
      `${examples([
        ['weir audit verify -c config.yaml', 'and what its head is: keep that elsewhere'],
        ['weir audit verify -c config.yaml --head 12:9f86d0…', 'nor was it cut or written anew'],
      ])}

Without a head that was kept elsewhere nobody can tell a chain that lost its end,
or one that was written anew as a whole, from one that never had more.`,
    )
    .action(async (options: VerifyOptions) => exit(await verify(options, io)));
  placed(audit.command('list'))
    .description('show the last entries, or those after one')
    .option('--limit <n>', 'at most so many, up to 1000', parseCount(1, 1000), 20)
    .option('--after <seq>', 'those behind this one', parseCount(0, Number.MAX_SAFE_INTEGER))
    .addHelpText(
      'after',
      examples([
        ['weir audit list -c config.yaml --limit 100', 'who changed what'],
        ['weir audit list -c config.yaml --after 0 --json', 'from the beginning, for a script'],
      ]),
    )
    .action(async (options: ListOptions) => exit(await list(options, io)));
};

function placed(command: Command): Command {
  return command
    .requiredOption('-c, --config <file>', 'the YAML config that names the store (usage.store)')
    .option('--json', 'print JSON');
}

function parseHead(text: string): AuditHead {
  const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq === undefined) throw new InvalidArgumentError('Expected a number, a colon and 64 hex digits.');
  return { seq: Number(seq), hash: hash! };
}

function parseCount(min: number, max: number): (text: string) => number {
  return text => {
    const count = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(count >= min && count <= max)) throw new InvalidArgumentError(`Expected ${min} to ${max}.`);
    return count;
  };
}

async function verify({ config, head, json }: VerifyOptions, io: CliIo): Promise<number> {
  const ledger = await openStore(config, io);
  if (typeof ledger === 'string') return misused(ledger, io);
  const result = await ledger.register.verifyAudit(head ?? null);
  await ledger.close();
  if (!result.ok) return failed(result.problem, io);
  const verdict = result.value;
  const isWhole = verdict.broken === null;
  io.stdout.write(
    json === true
      ? `${JSON.stringify({ ok: isWhole, store: ledger.place, ...verdict }, null, 2)}\n`
      : words(verdict, io),
  );
  return isWhole ? EXIT.ok : EXIT.failed;
}

function words({ head, broken }: ChainVerdict, io: CliIo): string {
  const paint = paintFor(io);
  if (broken === null)
    return `${paint.good('ok')}  ${count(head.seq, 'entry', 'entries')}\nhead  ${head.seq}:${head.hash}\n`;
  const upTo = head.seq === 0 ? 'nothing before it stands' : `it stands up to ${head.seq}:${head.hash}`;
  return `${paint.bad('broken')}  entry ${broken.seq}: ${plainCell(broken.problem)}\n${upTo}\n`;
}

async function list({ config, limit, after, json }: ListOptions, io: CliIo): Promise<number> {
  const ledger = await openStore(config, io);
  if (typeof ledger === 'string') return misused(ledger, io);
  const result = await ledger.register.audit({ limit, ...(after === undefined ? {} : { after }) });
  await ledger.close();
  if (!result.ok) return failed(result.problem, io);
  const { entries, next } = result.value;
  if (json === true) io.stdout.write(`${JSON.stringify(result.value, null, 2)}\n`);
  else io.stdout.write(entries.length === 0 ? 'nothing was changed\n' : `${table(entries, io)}\n`);
  if (next !== null && json !== true) io.stderr.write(`there are more: go on with --after ${next}\n`);
  return EXIT.ok;
}

const HEAD = ['SEQ', 'TIME', 'ADMIN', 'OUTCOME', 'ACTION', 'DETAILS'];

function table(entries: readonly AuditLink[], io: CliIo): string {
  const paint = paintFor(io);
  const rows = entries.map(({ seq, payload }) => {
    const said = parsed(payload);
    const members = ['time', 'admin', 'outcome', 'action'].map(name => plainCell(pick(said, name)));
    return [String(seq), ...members, details(pick(said, 'details'))];
  });
  return tableLines([HEAD, ...rows], (text, row) => (row === 0 ? paint.faint(text) : text)).join('\n');
}

/** What it was about, in short: of a key on record its name and subject. */
function details(value: unknown): string {
  if (typeof value !== 'object' || value === null) return '-';
  return Object.entries(value)
    .map(([name, part]) => {
      const keys = name === 'keys' && Array.isArray(part) ? part.map(key => pick(key, 'jti')) : part;
      return `${plainCell(name)}=${plainCell(keys)}`;
    })
    .join(' ');
}

/** An entry that somebody spoiled is still listed. */
function parsed(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return null;
  }
}

function failed(problem: string, io: CliIo): number {
  io.stderr.write(`weir audit: ${problem}\n`);
  return EXIT.failed;
}

function misused(text: string, io: CliIo): number {
  io.stderr.write(text);
  return EXIT.usage;
}
