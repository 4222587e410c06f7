import type { Metric } from '../../pipeline/index.ts';
import type { Ledger } from '../../store/index.ts';
import type { UsageHouse, UsagePart } from '../part.ts';
import { type Period, periodOf } from '../periods/period.ts';
import { PeriodLoop, type PeriodLoopOptions, type PeriodResult } from '../periods/period-loop.ts';
import { postWebhook } from '../webhook/sign-webhook.ts';
import type { SummarySettings } from './settings.ts';
import { summaryId, summaryMessage } from './summary-message.ts';

/** After a longer downtime older summaries are left out. */
const CATCH_UP_MAX = 12;

export interface SummariesOptions {
  readonly graceMs: number;
  readonly caughtUp: () => Promise<boolean>;
  /** For tests: see `PeriodLoopOptions`. */
  readonly idleMs?: number;
  readonly delayMs?: number;
}

/** Posts a summary of each period that is over, once for each entry. */
export function startSummaries(
  summaries: readonly SummarySettings[],
  ledger: Ledger,
  house: Pick<UsageHouse['house'], 'clock' | 'warn'>,
  options: SummariesOptions,
): UsagePart {
  const loops = summaries.map(summary => ({
    name: summary.name,
    loop: new PeriodLoop(summaryLoop(summary, ledger, house, options)),
  }));
  for (const { loop } of loops) loop.start();
  const close = async (): Promise<void> => {
    await Promise.all(loops.map(({ loop }) => loop.close()));
  };
  const metric = (name: string, help: string, value: (loop: PeriodLoop) => number): Metric => ({
    name,
    type: 'counter',
    help,
    labels: ['summary'],
    read: () => loops.map(({ name, loop }) => ({ labels: { summary: name }, value: value(loop) })),
  });
  return {
    metrics: [
      metric('weir_summaries_sent_total', 'Summaries of usage that a webhook has taken.', loop => loop.done),
      metric(
        'weir_summary_failures_total',
        'Times that a summary could not be delivered.',
        loop => loop.failures,
      ),
    ],
    degraded: () => loops.flatMap(({ loop }) => loop.degraded()),
    retire: () => void close(),
    close,
  };
}

/** What a loop needs for one entry. */
export function summaryLoop(
  summary: SummarySettings,
  ledger: Ledger,
  house: Pick<UsageHouse['house'], 'clock' | 'warn'>,
  options: SummariesOptions,
): PeriodLoopOptions {
  const { clock } = house;
  const sink = `summary:${summary.name}`;
  return {
    sink,
    every: summary.every,
    ledger,
    clock,
    ...options,
    catchUpMax: CATCH_UP_MAX,
    // Whoever adds a summary today wants no news of last week: it begins with the period under way.
    begin: async last => {
      const { name: place, untilMs: position } = last;
      const marked = await ledger.append([], [{ sink, place, position }]);
      return marked.ok ? { ok: true, value: periodOf(summary.every, position) } : marked;
    },
    run: (period, signal) => send(summary, ledger, period, clock.wallMs(), signal),
    warn: warning => house.warn(warning),
    code: 'summary_failing',
    what: `The summary ${summary.name}`,
  };
}

async function send(
  summary: SummarySettings,
  ledger: Ledger,
  period: Period,
  nowMs: number,
  signal: AbortSignal,
): Promise<PeriodResult> {
  const body = await summaryMessage(ledger, summary, period, nowMs);
  if (!body.ok) return body;
  const { url, secret } = summary;
  const id = summaryId(summary, period);
  const posted = await postWebhook({
    url,
    secret,
    id,
    nowMs,
    body: body.value,
    contentType: 'application/json',
    signal,
  });
  if (posted.result === 'delivered') return { ok: true };
  const problem = `${period.name} is not delivered to ${new URL(url).host}: ${posted.problem}`;
  if (posted.result === 'retry') return { ok: false, problem, afterMs: posted.afterMs };
  return { ok: false, problem, isLasting: true };
}
