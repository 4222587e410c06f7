import type { Ledger, StoreResult, SummaryRow } from '../../store/index.ts';
import { exactJson } from '../export/exact-json.ts';
import type { Period } from '../periods/period.ts';
import type { SummarySettings } from './settings.ts';

/** A receiver may have a small buffer: what costs most comes first, and the totals count all. */
const ROWS_MAX = 1000;

type Sums = Omit<SummaryRow, 'group'>;

/** What a period has in which nothing happened. */
const NOTHING: Sums = {
  requests: 0,
  refused: 0,
  failed: 0,
  aborted: 0,
  lost: 0,
  unmetered: 0,
  estimated: 0,
  unpriced: 0,
  inputTokens: null,
  outputTokens: null,
  cachedInputTokens: null,
  cacheWriteTokens: null,
  reasoningTokens: null,
  audioTokens: null,
  costNanos: null,
};

/** The same for all tries, also those of another instance: a receiver knows by it what it had before. */
export function summaryId({ name }: SummarySettings, period: Period): string {
  return `summary_${name}_${period.name}`;
}

/** The body of the message about one period. */
export async function summaryMessage(
  ledger: Ledger,
  { name, by, subject }: SummarySettings,
  period: Period,
  nowMs: number,
): Promise<StoreResult<string>> {
  const { sinceMs, untilMs } = period;
  const filter = { sinceMs, untilMs, ...(subject === undefined ? {} : { subject }) };
  const rows = await ledger.summary({ ...filter, by, limit: ROWS_MAX });
  if (!rows.ok) return rows;
  const whole = await ledger.summary({ ...filter, by: [], limit: 1 });
  if (!whole.ok) return whole;
  const { group: _, ...totals } = { group: {}, ...(whole.value.rows[0] ?? NOTHING) };
  const iso = (ms: number): string => new Date(ms).toISOString();
  return {
    ok: true,
    value: exactJson({
      type: 'usage.summary',
      timestamp: iso(nowMs),
      data: {
        name,
        period: { name: period.name, since: iso(sinceMs), until: iso(untilMs) },
        by,
        subject: subject ?? null,
        totals,
        rows: rows.value.rows,
        truncated: rows.value.truncated,
      },
    }),
  };
}
