import { type Budgets, DEFAULT_BUDGETS, openBudgets } from '../limits/index.ts';
import type { House, Installed } from '../pipeline/index.ts';
import type { Ledger } from '../store/index.ts';
import { costOf, tagsOf, type UsageSettings, usedTokens } from '../usage/index.ts';
import type { Settings } from './settings.ts';
import { settingsDigest } from './settings-digest.ts';

/** Budgets as they were opened: from which settings, on which store. */
export interface RunningBudgets {
  readonly digest: string;
  readonly ledger: Ledger;
  readonly installed: Budgets;
}

/** Whether there is a budget that no key brings: a section without rules is a switch that is off. */
export function hasRules({ budgets }: Settings): boolean {
  return budgets !== undefined && budgets.rules.length > 0;
}

/** Whether a key may bring a budget of its own. */
export function keysMayBring({ auth }: Settings): boolean {
  return auth.issuers.length > 0 || auth.staticKeys.some(({ grant }) => grant?.budget !== undefined);
}

/**
 * The budgets of a config, or null where none can apply: then no stage is there
 * and nothing is looked up. Those before live on where nothing changed for them.
 */
export function budgetsOf(
  settings: Settings,
  house: House,
  installed: readonly Installed[],
  before: RunningBudgets | null,
): RunningBudgets | null {
  const store = installed.find(({ ledger }) => ledger !== undefined);
  const ledger = store?.ledger;
  if (ledger === undefined || !(hasRules(settings) || keysMayBring(settings))) return null;
  const { tagHeaders = [], estimate = false } = (settings.usage ?? {}) as Partial<UsageSettings>;
  const digest = settingsDigest([settings.budgets ?? null, tagHeaders, estimate]);
  if (before !== null && before.digest === digest && before.ledger === ledger) return before;
  const opened = openBudgets(
    settings.budgets ?? DEFAULT_BUDGETS,
    {
      house,
      source: { ledger, caughtUp: async () => (await store?.caughtUp?.()) ?? true },
      used: {
        costOf: exchange => costOf(exchange, estimate),
        usedTokens: exchange => usedTokens(exchange, estimate),
      },
      tagsOf: exchange => tagsOf(exchange, tagHeaders) ?? exchange.principal?.tags ?? {},
    },
    before?.installed ?? null,
  );
  return { digest, ledger, installed: opened };
}
