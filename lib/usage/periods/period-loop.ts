import type { Clock } from '../../base/index.ts';
import type { Degradation, Warning } from '../../pipeline/index.ts';
import type { Ledger, StoreResult } from '../../store/index.ts';
import { Rest } from '../rest.ts';
import { lastPeriodBefore, type Period, type PeriodLength, periodOf } from './period.ts';

/** What came of a period. */
export type PeriodResult =
  | { readonly ok: true }
  | {
      readonly ok: false;
      /** For operators. */
      readonly problem: string;
      /** Milliseconds that trying again should wait at least. */
      readonly afterMs?: number | null;
      /** Only a person can mend it: try seldom. */
      readonly isLasting?: boolean;
    };

export interface PeriodLoopOptions {
  /** The cursor's name in the store: how far this work has come, for every instance on it. */
  readonly sink: string;
  readonly every: PeriodLength;
  readonly ledger: Ledger;
  readonly clock: Clock;
  /** How long after its end facts of a period may come, in milliseconds. */
  readonly graceMs: number;
  /** At most this many periods are caught up with; null: all. */
  readonly catchUpMax: number | null;
  /** Whether all that this instance settled has reached the store. */
  readonly caughtUp: () => Promise<boolean>;
  /** Where work begins that was never done on this store; `last` is the last period that is over. Null: there is nothing yet. */
  readonly begin: (last: Period) => Promise<StoreResult<Period | null>>;
  /** Does the work of one period. It may be done again after a crash. */
  readonly run: (period: Period, signal: AbortSignal) => Promise<PeriodResult>;
  readonly warn: (warning: Warning) => void;
  /** What warnings and `/readyz` call it: `summary_failing`. */
  readonly code: string;
  /** The subject of a sentence: `The summary weekly`. */
  readonly what: string;
  /** Between two looks at the clock, in milliseconds. Default 30 s. */
  readonly idleMs?: number;
  /** How much later than the grace this instance begins, in milliseconds, so that another may have done it. Default: at random up to a minute. */
  readonly delayMs?: number;
}

const IDLE_MS = 30_000;
const DELAY_MS_MAX = 60_000;
const RETRY_FIRST_MS = 1000;
const RETRY_LAST_MS = 900_000;

/**
 * Does something once for every period that is over, in their order, on a
 * timer of its own. What is done is in the store, so that it survives the
 * process and other instances do not do it again. A crash between the work and
 * the mark, or two instances in the same moment, do it twice: `run` must allow
 * for that.
 */
export class PeriodLoop {
  readonly #options: PeriodLoopOptions;
  readonly #delayMs: number;
  readonly #stop = new AbortController();
  /** The period up to which all is known to be done. */
  #upTo: Period | null = null;
  #done = 0;
  #failures = 0;
  #failuresInARow = 0;
  #retryMs = 0;
  #problem = '';
  readonly #rest = new Rest();
  #loop: Promise<void> | null = null;

  constructor(options: PeriodLoopOptions) {
    this.#options = options;
    this.#delayMs = options.delayMs ?? Math.random() * DELAY_MS_MAX;
  }

  /** Periods that this process did. */
  get done(): number {
    return this.#done;
  }

  get failures(): number {
    return this.#failures;
  }

  /** Unix time in milliseconds up to which every period is done; null where that is not known yet. */
  get upToMs(): number | null {
    return this.#upTo?.untilMs ?? null;
  }

  degraded(): readonly Degradation[] {
    if (this.#failuresInARow === 0) return [];
    const { code, what } = this.#options;
    return [{ code, message: `${what} fails: ${this.#problem}`, refuses: false }];
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // What starts together with it, such as a journal's recovery, goes first.
      await this.#rest.take(this.#failuresInARow > 0 ? this.#retryMs : (this.#options.idleMs ?? IDLE_MS));
      if (!this.#stop.signal.aborted) await this.pass();
    }
  }

  /** Does what is due now. True where nothing is left. Not to be called while it runs by itself. */
  async pass(): Promise<boolean> {
    const { every, clock, graceMs, caughtUp } = this.#options;
    const last = lastPeriodBefore(every, clock.wallMs() - graceMs - this.#delayMs);
    if (this.#upTo !== null && this.#upTo.untilMs >= last.untilMs) return true;
    if (!(await caughtUp())) return false;
    for (;;) {
      const step = await this.#step(last).catch(
        (error: Error): PeriodResult => ({
          ok: false,
          problem: error.message,
        }),
      );
      if (this.#stop.signal.aborted) return false;
      if (step === 'nothing') return true;
      if (step !== 'more' && !step.ok) {
        this.#fail(step);
        return false;
      }
      this.#succeed();
      if (step !== 'more') {
        this.#upTo = last;
        return true;
      }
    }
  }

  /** One period: `more` where another may be due, `nothing` where there is no fact yet. */
  async #step(last: Period): Promise<PeriodResult | 'more' | 'nothing'> {
    const { ledger, sink, every, begin, run } = this.#options;
    // Read anew each time: another instance may have been here.
    const marks = await ledger.cursors(sink);
    if (!marks.ok) return marks;
    const doneMs = marks.value.size === 0 ? null : Math.max(...marks.value.values());
    let period: Period;
    if (doneMs === null) {
      const first = await begin(last);
      if (!first.ok) return first;
      if (first.value === null) return 'nothing';
      period = first.value;
    } else {
      period = this.#notTooOld(periodOf(every, doneMs), last);
    }
    if (period.untilMs > last.untilMs) return { ok: true };
    // A signal is heard by those who listen already: work must not begin after it.
    if (this.#stop.signal.aborted) return { ok: false, problem: 'it is ending' };
    const result = await run(period, this.#stop.signal);
    if (!result.ok) return result;
    const marked = await ledger.append([], [{ sink, place: period.name, position: period.untilMs }]);
    if (!marked.ok) return marked;
    this.#done++;
    const older = [...marks.value.keys()].filter(place => place !== period.name);
    // Where it fails they are forgotten next time: the latest counts.
    if (older.length > 0) await ledger.forget(sink, older);
    return 'more';
  }

  #notTooOld(next: Period, last: Period): Period {
    const { catchUpMax, every, warn, code, what } = this.#options;
    if (catchUpMax === null) return next;
    let earliest = last;
    for (let i = 1; i < catchUpMax; i++) earliest = lastPeriodBefore(every, earliest.sinceMs);
    if (next.sinceMs >= earliest.sinceMs) return next;
    const message = `${what} is left out from ${next.name} up to ${earliest.name}: only the last ${catchUpMax} are caught up with.`;
    warn({ code: code.replace('_failing', '_skipped'), message });
    return earliest;
  }

  #succeed(): void {
    if (this.#failuresInARow === 0) return;
    this.#failuresInARow = 0;
    const { code, what, warn } = this.#options;
    warn({ code: code.replace('_failing', '_recovered'), message: `${what} works again.` });
  }

  #fail({ problem, afterMs, isLasting }: PeriodResult & { ok: false }): void {
    const { code, what, warn } = this.#options;
    const doubled = Math.min(RETRY_LAST_MS, RETRY_FIRST_MS * 2 ** Math.min(this.#failuresInARow, 16));
    // Spread, so that several do not come back at once.
    const ms = (isLasting === true ? RETRY_LAST_MS : doubled) * (0.5 + Math.random() / 2);
    this.#retryMs = Math.max(ms, afterMs ?? 0);
    this.#failures++;
    this.#problem = problem;
    if (this.#failuresInARow++ > 0) return;
    warn({ code, message: `${what} fails: ${problem}. It is tried again.` });
  }

  /** Ends it; what is under way is given up. */
  async close(): Promise<void> {
    this.#stop.abort();
    this.#rest.end();
    await this.#loop;
  }
}
