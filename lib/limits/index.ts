export { describeBudgets } from './budgets/describe-budgets.ts';
export { type Budgets, type BudgetsHouse, openBudgets } from './budgets/open-budgets.ts';
export {
  type BudgetSettings,
  budgetFaults,
  budgetsSchema,
  DEFAULT_BUDGETS,
} from './budgets/settings.ts';
export { describeLimits } from './describe-limits.ts';
export { type Limits, type LimitsHouse, openLimits } from './open-limits.ts';
export { type FleetSettings, type LimitSettings, limitsProperties } from './settings.ts';
