import type { Clock } from '../../base/index.ts';
import type { AdminAnswer, AdminRoute, Budget } from '../../pipeline/index.ts';
import type { Account, Amounts } from './account.ts';
import type { Book } from './book.ts';
import type { Loader } from './loader.ts';
import { narrowness, type Rules } from './rules.ts';

/** Rows of one answer at most. */
const ROWS_MAX = 10_000;
const ROWS = 1000;

export interface BudgetRoutesOptions {
  readonly book: Book;
  readonly rules: Rules;
  readonly loader: Loader;
  readonly clock: Clock;
  /** How old what is shown may be. */
  readonly ageMaxMs: number;
}

/** The accounts in memory, those that config names among them. */
export function budgetRoutes(options: BudgetRoutesOptions): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/budgets',
      role: 'viewer',
      summary: 'what budgets have used and reserved: those that the config names, and those in use',
      run: ({ query }) => list(options, query),
    },
  ];
}

async function list(
  { book, rules, loader, clock, ageMaxMs }: BudgetRoutesOptions,
  query: URLSearchParams,
): Promise<AdminAnswer> {
  const limit = limitOf(query.get('limit'));
  if (limit === null)
    return { status: 400, body: { error: { code: 'bad_request', message: `limit takes 1 to ${ROWS_MAX}` } } };
  const nowMs = clock.wallMs();
  for (const { scope, budget } of rules.fixed) book.account(scope, budget.per, nowMs);
  const current = [...book].filter(
    ({ span, holds }) => span.endMs === null || span.endMs > nowMs || holds > 0,
  );
  const shown = current.toSorted(byScope).slice(0, limit);
  const old = shown.filter(account => account.needsLoad(clock.monotonicMs(), ageMaxMs));
  await Promise.all(old.map(account => loader.load(account)));
  return {
    status: 200,
    body: { budgets: shown.map(account => rowOf(account, rules)), truncated: current.length > limit },
  };
}

function limitOf(text: string | null): number | null {
  if (text === null) return ROWS;
  const limit = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return limit >= 1 && limit <= ROWS_MAX ? limit : null;
}

/** Widest first, then by name. */
function byScope(a: Account, b: Account): number {
  const name = ({ scope }: Account): string =>
    scope.of === 'all' ? '' : scope.of === 'tag' ? `${scope.tag}=${scope.is}` : scope.is;
  return (
    narrowness(b.scope) - narrowness(a.scope) ||
    name(a).localeCompare(name(b), 'en') ||
    (a.span.endMs ?? Number.POSITIVE_INFINITY) - (b.span.endMs ?? Number.POSITIVE_INFINITY)
  );
}

/** Amounts of money are decimal text: they may pass what a double holds. */
function rowOf(account: Account, rules: Rules): object {
  const { scope, per, span, isLoaded, spent, reserved } = account;
  const applied = rules.on(scope, per);
  const caps = applied.map(({ budget }) => budget);
  return {
    of: scope.of,
    tag: scope.of === 'tag' ? scope.tag : null,
    is: scope.of === 'all' ? null : scope.is,
    per,
    names: applied.flatMap(({ name }) => (name === null ? [] : [name])),
    since: new Date(span.startMs).toISOString(),
    resets: span.endMs === null ? null : new Date(span.endMs).toISOString(),
    // Null where only a key's own budget counts here: the key says how much.
    cap: caps.length === 0 ? null : shownCap(caps),
    spent: isLoaded ? shownAmounts(spent) : null,
    reserved: shownAmounts(reserved),
  };
}

/** The least of each. */
function shownCap(caps: readonly Budget[]): object {
  const least = <T extends number | bigint>(amounts: readonly (T | null)[]): T | null =>
    amounts.reduce((a, b) => (a === null || (b !== null && b < a) ? b : a), null);
  const nanos = least(caps.map(cap => cap.nanos));
  return {
    requests: least(caps.map(cap => cap.requests)),
    tokens: least(caps.map(cap => cap.tokens)),
    usd: nanos === null ? null : usd(nanos),
  };
}

function shownAmounts({ requests, tokens, nanos }: Amounts): object {
  return { requests, tokens, usd: usd(nanos) };
}

/** Nano-dollars as dollars, exact. */
function usd(nanos: bigint): string {
  const digits = nanos.toString().padStart(10, '0');
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`;
}
