import type { Clock } from '../../base/index.ts';
import type { Warning } from '../../pipeline/index.ts';
import type { Ledger } from '../../store/index.ts';
import type { Account } from './account.ts';

/** After a load that failed, how long requests are judged without another. */
const RETRY_MS = 1000;

/** Where the truth about what was spent is. */
export interface SpentSource {
  readonly ledger: Pick<Ledger, 'spent' | 'place'>;
  /** Brings all facts that are settled by now to the ledger; false where that could not be done. */
  caughtUp(): Promise<boolean>;
}

export interface LoaderOptions {
  readonly source: SpentSource;
  readonly clock: Clock;
  readonly warn: (warning: Warning) => void;
}

/** Asks the store what accounts have spent. */
export class Loader {
  readonly #options: LoaderOptions;
  failures = 0;
  #isFailing = false;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  get isFailing(): boolean {
    return this.#isFailing;
  }

  /**
   * Makes an account say what the store says, and what was charged since. First
   * all that is settled is brought to the store; what is settled from then on
   * is logged, and the store leaves it out, so that nothing counts twice and
   * nothing is missing. False where the store does not answer.
   */
  load(account: Account): Promise<boolean> {
    if (account.loading === null) {
      const loading = this.#load(account)
        .catch((error: Error) => error.message)
        .then(problem => {
          account.loading = null;
          this.#judge(account, problem);
          return problem === null;
        });
      account.loading = loading;
    }
    return account.loading;
  }

  /** The problem, or null. */
  async #load(account: Account): Promise<string | null> {
    const { source, clock } = this.#options;
    const { ledger } = source;
    const beganMs = clock.monotonicMs();
    account.beginLoad();
    if (!(await source.caughtUp())) return 'facts do not reach it';
    const { startMs, endMs } = account.span;
    const result = await ledger.spent({
      scope: account.scope,
      sinceMs: startMs,
      untilMs: endMs,
      except: account.logged(),
    });
    if (!result.ok) return result.problem;
    account.endLoad(result.value);
    account.loadedMs = beganMs;
    return null;
  }

  #judge(account: Account, problem: string | null): void {
    const { source, clock, warn } = this.#options;
    if (problem === null) {
      if (this.#isFailing)
        warn({
          code: 'budgets_recovered',
          message: `Budgets are counted from the store ${source.ledger.place} again.`,
        });
      this.#isFailing = false;
      return;
    }
    account.failLoad();
    account.retryMs = clock.monotonicMs() + RETRY_MS;
    this.failures++;
    if (this.#isFailing) return;
    this.#isFailing = true;
    warn({
      code: 'budgets_blind',
      message: `What budgets have used cannot be read from the store ${source.ledger.place} (${problem}).`,
    });
  }
}
