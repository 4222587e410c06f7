import { type CliIo, EXIT } from '../io.ts';
import { OPS_HELP, type OpsOptions, openOpsClient, withOpsOption } from '../ops-client.ts';
import { type Paint, paintFor } from '../paint.ts';
import { pick } from '../pick.ts';
import { plainCell } from '../plain-text.ts';
import { tableLines } from '../table.ts';
import { type AddVerb, examples } from '../verb.ts';

interface Options extends OpsOptions {
  readonly json?: true;
}

/** What budgets count, as `GET /budgets` names it. */
const KINDS = ['requests', 'tokens', 'usd'] as const;
const HEAD = ['OF', 'IS', 'PER', 'WHAT', 'CAP', 'SPENT', 'RESERVED', 'LEFT', 'RESETS'];
const LEFT_COLUMN = HEAD.indexOf('LEFT');

const EXAMPLES = [
  ['weir budget list', 'what each budget has used and what is left'],
  ['weir budget list --json', 'for a script'],
] as const;

const COLUMNS_HELP = `

Budgets that the config names are always there, others while they are in use. A
key's own budget has no CAP here: weir key inspect shows it. RESERVED is held by
running requests; LEFT is what new ones may reserve. A gateway where nothing can
have a budget knows no such call.`;

/** `weir budget list`: what is left of the budgets of a running gateway. */
export const addBudget: AddVerb = (program, io, exit) => {
  const group = program
    .command('budget')
    .description('look at the budgets of a running gateway')
    .addHelpText('after', examples(EXAMPLES));
  withOpsOption(group.command('list'))
    .description('show what budgets have used, and what is left')
    .option('--json', 'print JSON')
    .addHelpText('after', examples(EXAMPLES) + COLUMNS_HELP + OPS_HELP)
    .action(async (options: Options) => exit(await list(options, io)));
};

async function list(options: Options, io: CliIo): Promise<number> {
  const client = openOpsClient(options, io);
  if (typeof client === 'string') {
    io.stderr.write(client);
    return EXIT.usage;
  }
  const result = await client.call('GET', '/budgets');
  const budgets = result.ok ? pick(result.body, 'budgets') : null;
  if (!result.ok || !Array.isArray(budgets)) {
    const problem = result.ok
      ? 'the gateway gave no list of budgets: is it another version?'
      : result.problem;
    io.stderr.write(`weir budget: ${problem}\n`);
    return EXIT.failed;
  }
  if (options.json === true) io.stdout.write(`${JSON.stringify(result.body, null, 2)}\n`);
  else
    io.stdout.write(
      `${budgets.length === 0 ? 'no budget is in use at the moment' : table(budgets, paintFor(io))}\n`,
    );
  if (pick(result.body, 'truncated') === true) io.stderr.write('there are more: GET /budgets?limit=10000\n');
  return EXIT.ok;
}

function table(budgets: readonly unknown[], paint: Paint): string {
  const rows = budgets.flatMap(rowsOf);
  return tableLines([HEAD, ...rows], (text, row, column) => {
    if (row === 0) return paint.faint(text);
    return column === LEFT_COLUMN && /^-|^0(?:\.0+)?$/.test(text) && text !== '-' ? paint.bad(text) : text;
  }).join('\n');
}

/** A line for each amount that is capped; one of requests where the key says how much. */
function rowsOf(budget: unknown): readonly (readonly string[])[] {
  const tag = pick(budget, 'tag');
  const of = typeof tag === 'string' ? `tag ${tag}` : pick(budget, 'of');
  const capped = KINDS.filter(kind => pick(budget, 'cap', kind) != null);
  return (capped.length === 0 ? KINDS : capped).map(kind => [
    ...[of, pick(budget, 'is'), pick(budget, 'per'), kind].map(plainCell),
    ...['cap', 'spent', 'reserved'].map(member => plainCell(pick(budget, member, kind))),
    leftOf(budget, kind),
    plainCell(pick(budget, 'resets')),
  ]);
}

/** Exact: amounts are whole numbers, or USD as text with nine decimals. */
function leftOf(budget: unknown, kind: (typeof KINDS)[number]): string {
  const [cap, spent, reserved] = ['cap', 'spent', 'reserved'].map(member => pick(budget, member, kind));
  const amounts = [cap, spent, reserved].map(unitsOf);
  if (amounts.some(amount => amount === null)) return '-';
  const [all, used, held] = amounts as [bigint, bigint, bigint];
  const left = all - used - held;
  if (kind !== 'usd') return String(left);
  const digits = String(left < 0n ? -left : left).padStart(10, '0');
  return `${left < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`;
}

function unitsOf(amount: unknown): bigint | null {
  const text =
    typeof amount === 'number' || typeof amount === 'string' ? String(amount).replace('.', '') : '';
  return /^\d{1,30}$/.test(text) ? BigInt(text) : null;
}
