import type { Metric } from '../../pipeline/index.ts';
import type { Ledger, StoreResult, StoreUrl } from '../../store/index.ts';
import type { UsageHouse, UsagePart } from '../part.ts';
import { type Period, periodOf } from '../periods/period.ts';
import { PeriodLoop } from '../periods/period-loop.ts';
import { runArchiveJob } from './archive-job.ts';
import type { ArchiveSettings } from './settings.ts';

const SECOND_MS = 1000;

export interface ArchiveOptions {
  readonly store: StoreUrl;
  readonly graceMs: number;
  readonly caughtUp: () => Promise<boolean>;
  /** For tests: see `PeriodLoopOptions`. */
  readonly idleMs?: number;
  readonly delayMs?: number;
}

/** Ships every period that is over to a bucket, from the first fact on. */
export function startArchive(
  settings: ArchiveSettings,
  ledger: Ledger,
  house: Pick<UsageHouse['house'], 'clock' | 'warn'>,
  options: ArchiveOptions,
): UsagePart {
  const { s3, every } = settings;
  const { store, graceMs, ...timing } = options;
  const loop = new PeriodLoop({
    ...timing,
    sink: 'archive',
    every,
    ledger,
    clock: house.clock,
    graceMs,
    catchUpMax: null,
    begin: () => firstPeriod(ledger, every),
    run: (period, signal) =>
      runArchiveJob({ store, period, settings, nowMs: house.clock.wallMs(), graceMs }, signal),
    warn: warning => house.warn(warning),
    code: 'archive_failing',
    what: `The archive in the bucket ${s3.bucket}`,
  });
  loop.start();
  return {
    metrics: metricsOf(loop),
    degraded: () => loop.degraded(),
    retire: () => void loop.close(),
    close: () => loop.close(),
  };
}

async function firstPeriod(
  ledger: Ledger,
  every: ArchiveSettings['every'],
): Promise<StoreResult<Period | null>> {
  const page = await ledger.facts({ limit: 1 });
  if (!page.ok) return page;
  const [text] = page.value.facts;
  if (text === undefined) return { ok: true, value: null };
  const { time } = JSON.parse(text) as { readonly time: string };
  return { ok: true, value: periodOf(every, Date.parse(time)) };
}

function metricsOf(loop: PeriodLoop): readonly Metric[] {
  const metric = (name: string, type: Metric['type'], help: string, value: () => number | null): Metric => ({
    name,
    type,
    help,
    labels: [],
    read: () => {
      const now = value();
      return now === null ? [] : [{ labels: {}, value: now }];
    },
  });
  return [
    metric(
      'weir_archive_periods_total',
      'counter',
      'Periods of usage that were shipped to the bucket.',
      () => loop.done,
    ),
    metric(
      'weir_archive_failures_total',
      'counter',
      'Times that a period could not be shipped.',
      () => loop.failures,
    ),
    metric('weir_archive_until_seconds', 'gauge', 'Unix time up to which the bucket has every period.', () =>
      loop.upToMs === null ? null : loop.upToMs / SECOND_MS,
    ),
  ];
}
