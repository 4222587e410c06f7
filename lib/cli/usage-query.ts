import type { Command } from 'commander';
import type { FactFilter, Ledger } from '../store/index.ts';
import { type FilterWords, readFilter, type UsageSettings, WordFault } from '../usage/index.ts';
import type { CliIo } from './io.ts';

/** What `weir usage summary` and `weir usage export` take to say which facts are meant. */
export interface QueryOptions extends FilterWords {
  readonly config: string;
}

export const TIMES_HELP = `

Times are a span back from now such as 7d (s, m, h, d, w), a day such as
2026-11-21 or a time such as 2026-11-21T12:00:00Z. Days and months are UTC.`;

export function withQueryOptions(command: Command): Command {
  return command
    .requiredOption('-c, --config <file>', 'the YAML config that names the store (usage.store)')
    .option('--since <time>', 'from then on')
    .option('--until <time>', 'up to then, that moment left out')
    .option('--month <month>', 'one month, such as 2026-11')
    .option('--subject <name>', 'only this subject’s')
    .option('--key <id>', 'only this key’s')
    .option('--provider <name>', 'only this provider’s')
    .option('--operation <name>', 'only this operation’s, such as chat')
    .option('--model <name>', 'only this model’s, as served');
}

/** The filter that options stand for, or what is wrong with them. */
export function filterOf(options: QueryOptions, nowMs: number): FactFilter | string {
  const filter = readFilter(options, nowMs);
  return filter instanceof WordFault ? `error: --${filter.name} ${filter.problem}\n` : filter;
}

/** The store that a config names, to be looked at only; or why there is none. */
export async function openStore(config: string, io: CliIo): Promise<Ledger | string>;
/** `optional`: null where the config wants none. */
export async function openStore(config: string, io: CliIo, need: 'optional'): Promise<Ledger | string | null>;
export async function openStore(
  config: string,
  io: CliIo,
  need: 'optional' | 'required' = 'required',
): Promise<Ledger | string | null> {
  const usage = await usageOf(config, io);
  if (typeof usage === 'string') return usage;
  if ((usage?.store ?? 'none') === 'none' && need === 'optional') return null;
  return storeOf(usage, config);
}

/** The section `usage` of a config, null where it has none; or what is wrong with the config. */
export async function usageOf(config: string, io: CliIo): Promise<UsageSettings | string | null> {
  const { SettingsLoader } = await import('../gateway/index.ts');
  const { formatProblems } = await import('../config/index.ts');
  const result = new SettingsLoader(io.env).load({ file: config });
  if (!result.ok) return `${formatProblems(result.problems)}\n`;
  return (result.settings.usage as UsageSettings | undefined) ?? null;
}

/** The store of a section; or why there is none. */
export async function storeOf(
  usage: UsageSettings | null,
  config: string,
  access: 'read' | 'write' = 'read',
): Promise<Ledger | string> {
  const store = usage?.store ?? 'none';
  if (store === 'none')
    return `error: ${config} names no store: set usage.store, such as sqlite:./data/weir.db\n`;
  const { openLedger } = await import('../store/index.ts');
  return openLedger(store, { readOnly: access === 'read' });
}
