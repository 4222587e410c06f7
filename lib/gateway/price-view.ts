import { systemClock } from '../base/index.ts';
import type { AdminAnswer, AdminRoute } from '../pipeline/index.ts';
import {
  type Catalogue,
  describePrice,
  isPriceAddress,
  type PriceFile,
  type ProviderPrices,
  readKeptPrices,
  readPriceFile,
} from '../providers/index.ts';
import type { UsageSettings } from '../usage/index.ts';
import { lastPricesPath } from './open-prices.ts';
import { compileSettingsProviders } from './providers.ts';
import type { Settings } from './settings.ts';

/** The prices that settings amount to, by provider. */
export interface PriceView {
  readonly prices: ReadonlyMap<string, ProviderPrices>;
  /** What `usage.prices` names; null where it names nothing. */
  readonly list: {
    readonly name: string;
    /** When a gateway last had it from its address, unix time in milliseconds; null for a file. */
    readonly readMs: number | null;
    /** Why it is left out, or null. */
    readonly problem: string | null;
  } | null;
}

/** Reads what a gateway with these settings would price by. Of a list at an address that is the last good one on disk: nothing is fetched. */
export async function readPrices(settings: Settings, catalogue: Catalogue): Promise<PriceView> {
  const { file, list } = await readList(settings.usage as UsageSettings | undefined);
  // Any address does: nothing is asked there.
  const compiled = compileSettingsProviders(settings, catalogue, systemClock, 'http://127.0.0.1:1', file);
  return { prices: 'prices' in compiled ? compiled.prices : new Map(), list };
}

async function readList(
  usage: UsageSettings | undefined,
): Promise<{ readonly file: PriceFile | null; readonly list: PriceView['list'] }> {
  const setting = usage?.prices;
  if (setting === undefined) return { file: null, list: null };
  if (!isPriceAddress(setting)) {
    const file = readPriceFile(setting);
    const isRead = typeof file !== 'string';
    return {
      file: isRead ? file : null,
      list: { name: setting, readMs: null, problem: isRead ? null : file },
    };
  }
  const { origin, pathname } = new URL(setting);
  const path = lastPricesPath(usage!);
  const kept = path === null ? null : await readKeptPrices(path, setting);
  const problem = kept === null ? 'no gateway has kept it on this disk yet' : null;
  return {
    file: kept?.file ?? null,
    list: { name: origin + pathname, readMs: kept?.readMs ?? null, problem },
  };
}

/** Which price a running gateway applies. */
export function priceRoutes(prices: () => ReadonlyMap<string, ProviderPrices>): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/prices/:provider/:model',
      role: 'viewer',
      summary: 'the price that applies to a model now: where it is from, its rates and its version',
      run: ({ params }) => answer(prices(), params.provider!, params.model!),
    },
  ];
}

function answer(prices: ReadonlyMap<string, ProviderPrices>, provider: string, model: string): AdminAnswer {
  const found = prices.get(provider)?.lookup(model) ?? null;
  if (found !== null) return { status: 200, body: { provider, model, ...describePrice(found) } };
  const isKnown = prices.has(provider);
  const code = isKnown ? 'unpriced' : 'unknown_provider';
  const message = isKnown
    ? `no price of ${provider} fits this model: state one under providers.${provider}.prices`
    : 'no provider of this gateway has this name';
  return { status: 404, body: { error: { code, message } } };
}
