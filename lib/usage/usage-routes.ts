import type { Clock } from '../base/index.ts';
import type { AdminAnswer, AdminRequest, AdminRoute } from '../pipeline/index.ts';
import {
  type FactFilter,
  isFactCursor,
  isOutcome,
  type Ledger,
  OUTCOME_NAMES,
  type SummaryRow,
} from '../store/index.ts';
import { exactNumber } from './export/exact-json.ts';
import {
  DEFAULT_DIMENSIONS,
  FILTER_WORDS,
  queryFault,
  readDimensions,
  readFilter,
  readRows,
  WordFault,
} from './fact-filter.ts';
import { away, misused } from './query-refusals.ts';

const FACTS_MAX = 1000;
const ROWS_DEFAULT = 1000;
/** Rows are written by the thread that relays: ten thousand take some ten milliseconds. The command line gives more. */
const ROWS_MAX = 10_000;
const FACTS_DEFAULT = 100;

/** Calls that ask the store what was used. No answer holds what was said: facts never do. */
export function usageRoutes(ledger: Ledger, clock: Clock): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/usage/summary',
      role: 'viewer',
      summary: 'requests, tokens and cost summed up; ?by=subject,model, since=7d, …',
      run: request => summary(ledger, request, clock.wallMs()),
    },
    {
      method: 'GET',
      path: '/usage/facts',
      role: 'viewer',
      summary: 'single facts, oldest first; ?subject, outcome=refused, limit, after, …',
      run: request => facts(ledger, request, clock.wallMs()),
    },
  ];
}

async function summary(ledger: Ledger, { query }: AdminRequest, nowMs: number): Promise<AdminAnswer> {
  const filter = filterOf(query, ['by', 'limit'], nowMs);
  if (filter instanceof WordFault) return misused(filter);
  const asked = query.get('by');
  const by = asked === null ? DEFAULT_DIMENSIONS : readDimensions(asked);
  if (by instanceof WordFault) return misused(by);
  const limit = readRows(query.get('limit') ?? String(ROWS_DEFAULT), ROWS_MAX);
  if (limit instanceof WordFault) return misused(limit);
  const found = await ledger.summary({ ...filter, by, limit });
  if (!found.ok) return away(found.problem);
  const { rows, truncated } = found.value;
  return { status: 200, body: { rows: rows.map(exactRow), truncated } };
}

/** Costs are written as they are, also past what a double holds: JSON knows no bounds. */
function exactRow({ costNanos, ...row }: SummaryRow): object {
  return { ...row, costNanos: costNanos === null ? null : exactNumber(costNanos) };
}

async function facts(ledger: Ledger, { query }: AdminRequest, nowMs: number): Promise<AdminAnswer> {
  const filter = filterOf(query, ['outcome', 'limit', 'after'], nowMs);
  if (filter instanceof WordFault) return misused(filter);
  const limit = readRows(query.get('limit') ?? String(FACTS_DEFAULT), FACTS_MAX);
  if (limit instanceof WordFault) return misused(limit);
  const [outcome, after] = [query.get('outcome'), query.get('after')];
  if (outcome !== null && !isOutcome(outcome))
    return misused(new WordFault('outcome', `is one of ${OUTCOME_NAMES.join(', ')}`));
  if (after !== null && !isFactCursor(after))
    return misused(new WordFault('after', 'is what an earlier page gave as next'));
  const found = await ledger.facts({
    ...filter,
    limit,
    ...(outcome === null ? {} : { outcome }),
    ...(after === null ? {} : { after }),
  });
  if (!found.ok) return away(found.problem);
  const { facts: texts, next } = found.value;
  return { status: 200, body: { facts: texts.map(text => JSON.parse(text) as object), next } };
}

/** @param more words that this call knows besides. */
function filterOf(query: URLSearchParams, more: readonly string[], nowMs: number): FactFilter | WordFault {
  return queryFault(query, [...FILTER_WORDS, ...more]) ?? readFilter(Object.fromEntries(query), nowMs);
}
