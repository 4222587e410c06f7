import type { Command } from 'commander';
import type { FactFilter, Ledger } from '../store/index.ts';
import type { UsageSettings } from '../usage/index.ts';
import type { CliIo } from './io.ts';
import { parseInstant } from './moment.ts';

/** What `weir usage summary` and `weir usage export` take to say which facts are meant. */
export interface QueryOptions {
  readonly config: string;
  readonly since?: string;
  readonly until?: string;
  readonly month?: string;
  readonly subject?: string;
  readonly key?: string;
  readonly provider?: string;
  readonly model?: string;
}

export const TIMES_HELP = `

Times are a span back from now such as 7d (s, m, h, d, w), a day such as
2026-11-21 or a time such as 2026-11-21T12:00:00Z. Days and months are UTC.`;

const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const SPAN = /^([1-9]\d{0,5})([smhdw])$/;
const DAY = /^\d{4}-\d\d-\d\d$/;
const MONTH = /^(\d{4})-(0[1-9]|1[0-2])$/;

export function withQueryOptions(command: Command): Command {
  return command
    .requiredOption('-c, --config <file>', 'the YAML config that names the store (usage.store)')
    .option('--since <time>', 'from then on')
    .option('--until <time>', 'up to then, that moment left out')
    .option('--month <month>', 'one month, such as 2026-11')
    .option('--subject <name>', 'only this subject’s')
    .option('--key <id>', 'only this key’s')
    .option('--provider <name>', 'only this provider’s')
    .option('--model <name>', 'only this model’s, as served');
}

/** The filter that options stand for, or what is wrong with them. */
export function filterOf(options: QueryOptions, nowMs: number): FactFilter | string {
  const { subject, key, provider, model } = options;
  const span = spanOf(options, nowMs);
  if (typeof span === 'string') return span;
  return {
    ...span,
    ...(subject === undefined ? {} : { subject }),
    ...(key === undefined ? {} : { key }),
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
  };
}

function spanOf({ since, until, month }: QueryOptions, nowMs: number): FactFilter | string {
  if (month !== undefined) {
    if (since !== undefined || until !== undefined) return 'error: --month stands for --since and --until\n';
    const [, year, number] = MONTH.exec(month) ?? [];
    if (year === undefined) return `error: --month ${month}: expected a month such as 2026-11\n`;
    return { sinceMs: Date.UTC(+year, +number! - 1), untilMs: Date.UTC(+year, +number!) };
  }
  const sinceMs = since === undefined ? undefined : pastMs(since, nowMs);
  const untilMs = until === undefined ? undefined : pastMs(until, nowMs);
  if (sinceMs === null) return `error: --since ${since}: expected such as 7d, 2026-11-21 or a time\n`;
  if (untilMs === null) return `error: --until ${until}: expected such as 7d, 2026-11-21 or a time\n`;
  return {
    ...(sinceMs === undefined ? {} : { sinceMs }),
    ...(untilMs === undefined ? {} : { untilMs }),
  };
}

function pastMs(text: string, nowMs: number): number | null {
  const span = SPAN.exec(text);
  if (span !== null) return Math.max(0, nowMs - Number(span[1]) * UNIT_MS[span[2]!]!);
  const instant = parseInstant(DAY.test(text) ? `${text}T00:00:00Z` : text);
  return instant === null ? null : Math.max(0, Date.parse(instant));
}

export interface OpenStore {
  /** To be looked at only. */
  readonly ledger: Ledger;
  /** How long after its end facts of a period may come, in milliseconds. */
  readonly graceMs: number;
}

/** The store that a config names; or why there is none. */
export async function openStore(config: string, io: CliIo): Promise<OpenStore | string> {
  const { SettingsLoader } = await import('../gateway/index.ts');
  const { formatProblems } = await import('../config/index.ts');
  const result = new SettingsLoader(io.env).load({ file: config });
  if (!result.ok) return `${formatProblems(result.problems)}\n`;
  const usage = result.settings.usage as UsageSettings | undefined;
  const store = usage?.store ?? 'none';
  if (usage === undefined || !isSqlite(store))
    return `error: ${config} names no store: set usage.store, such as sqlite:./data/weir.db\n`;
  const { openLedger } = await import('../store/index.ts');
  return { ledger: openLedger(store, { readOnly: true }), graceMs: usage.graceMs };
}

function isSqlite(store: string): store is `sqlite:${string}` {
  return store.startsWith('sqlite:');
}
