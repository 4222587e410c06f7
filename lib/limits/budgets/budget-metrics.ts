import type { Metric } from '../../pipeline/index.ts';
import type { Book } from './book.ts';
import type { BudgetRefusal } from './budget-stage.ts';
import type { Loader } from './loader.ts';

export function budgetMetrics(
  book: Book,
  loader: Loader,
  refusals: ReadonlyMap<BudgetRefusal, number>,
): readonly Metric[] {
  return [
    {
      name: 'weir_budget_refusals_total',
      type: 'counter',
      help: 'Requests refused by budgets: no room left (spent), no price known (unpriced), or the store did not say what was spent (unknown).',
      labels: ['reason'],
      read: () => [...refusals].map(([reason, value]) => ({ labels: { reason }, value })),
    },
    {
      name: 'weir_budget_accounts',
      type: 'gauge',
      help: 'Budget accounts in memory: one for each scope and window in use.',
      labels: [],
      read: () => [{ labels: {}, value: book.size }],
    },
    {
      name: 'weir_budget_load_failures_total',
      type: 'counter',
      help: 'Times that the store did not say what an account has spent.',
      labels: [],
      read: () => [{ labels: {}, value: loader.failures }],
    },
  ];
}
