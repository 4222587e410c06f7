import type {
  AdminRoute,
  Degradation,
  Exchange,
  Fact,
  House,
  Installed,
  Metric,
  Stage,
} from '../../pipeline/index.ts';
import { Book } from './book.ts';
import type { UsedBy } from './budget-hold.ts';
import { budgetMetrics } from './budget-metrics.ts';
import { budgetRoutes } from './budget-routes.ts';
import { BudgetNeeds, type BudgetRefusal, BudgetStage } from './budget-stage.ts';
import { Loader, type SpentSource } from './loader.ts';
import { Rules } from './rules.ts';
import type { BudgetSettings } from './settings.ts';

export interface BudgetsHouse {
  readonly house: Pick<House, 'clock' | 'warn'>;
  readonly source: SpentSource;
  readonly used: UsedBy;
  /** The tags that the fact of an exchange will have. */
  readonly tagsOf: (exchange: Exchange) => Fact['tags'];
}

/** The budgets of a gateway, by one config. */
export interface Budgets extends Installed {
  readonly closesAtOnce: true;
  readonly stages: readonly Stage[];
  readonly metrics: readonly Metric[];
  readonly routes: readonly AdminRoute[];
  degraded(): readonly Degradation[];
  close(): Promise<void>;
}

/** Accounts compared with the store in one round at most: facts have to get there as well. */
const REFRESHED_MAX = 200;
/** Where `refreshMs` is not said. */
const REFRESH_SHARED_MS = 1000;
const REFRESH_OWN_MS = 60_000;
/** An account in use is compared every round; one that was not for so many is asked about before a request goes on. */
const AGE_MAX_ROUNDS = 3;
const SWEEP_MS = 60_000;

/**
 * Sets up what config and keys may budget. With `before` the accounts go on, as
 * long as the store is the same: a reload gives nobody a fresh start.
 */
export function openBudgets(settings: BudgetSettings, house: BudgetsHouse, before: Budgets | null): Budgets {
  return new OpenBudgets(settings, house, before instanceof OpenBudgets ? before : null);
}

class OpenBudgets implements Budgets {
  readonly closesAtOnce = true;
  readonly stages: readonly Stage[];
  readonly metrics: readonly Metric[];
  readonly routes: readonly AdminRoute[];
  readonly book: Book;
  readonly refusals: Map<BudgetRefusal, number>;
  readonly place: string;
  readonly #loader: Loader;
  readonly #timers: readonly NodeJS.Timeout[];

  constructor(settings: BudgetSettings, budgetsHouse: BudgetsHouse, before: OpenBudgets | null) {
    const { house, source, used, tagsOf } = budgetsHouse;
    const { clock } = house;
    this.place = source.ledger.place;
    this.book = before?.place === this.place ? before.book : new Book(settings.maxAccounts);
    this.book.max = settings.maxAccounts;
    this.refusals = before?.refusals ?? new Map([...REFUSALS].map(reason => [reason, 0]));
    this.#loader = new Loader({ source, clock, warn: warning => house.warn(warning) });
    const refreshMs =
      settings.refreshMs ?? (this.place.startsWith('sqlite:') ? REFRESH_OWN_MS : REFRESH_SHARED_MS);
    const ageMaxMs = AGE_MAX_ROUNDS * refreshMs;
    const rules = new Rules(settings.rules, tagsOf);
    const refused = (reason: BudgetRefusal): void => {
      this.refusals.set(reason, this.refusals.get(reason)! + 1);
    };
    const { book } = this;
    const loader = this.#loader;
    this.stages = [
      new BudgetNeeds(rules),
      new BudgetStage({ settings, ageMaxMs, rules, book, loader, clock, used, refused }),
    ];
    this.metrics = budgetMetrics(book, loader, this.refusals);
    this.routes = budgetRoutes({ book, rules, loader, clock, ageMaxMs });
    this.#timers = [
      setInterval(() => this.#refresh(), refreshMs).unref(),
      setInterval(() => book.sweep(clock.wallMs()), SWEEP_MS).unref(),
    ];
  }

  /** Asks the store about accounts in use: other instances may share it. What fails is tried again. */
  #refresh(): void {
    let count = 0;
    for (const account of [...this.book.stale]) {
      if (count === REFRESHED_MAX) return;
      if (!account.isLoaded || account.loading !== null) continue;
      count++;
      void this.#loader.load(account);
    }
  }

  degraded(): readonly Degradation[] {
    if (!this.#loader.isFailing) return [];
    const message = `what budgets have used cannot be read from the store ${this.place}`;
    return [{ code: 'budgets_blind', message, refuses: false }];
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
  }
}

const REFUSALS: readonly BudgetRefusal[] = ['spent', 'unpriced', 'unknown'];
