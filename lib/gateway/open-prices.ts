import { dirname, join } from 'node:path';
import type { Installed } from '../pipeline/index.ts';
import { addressSource, fileSource, isPriceAddress, PriceFeed } from '../providers/index.ts';
import { fetchText } from '../proxy/index.ts';
import { placeOf } from '../store/index.ts';
import type { UsageSettings } from '../usage/index.ts';
import type { BuilderHouse, Running } from './builder.ts';
import type { Settings } from './settings.ts';
import { settingsDigest } from './settings-digest.ts';

/** Where the last good list lies: beside the journal, or the store; null where neither is on this disk. */
export function lastPricesPath({ journal, store }: UsageSettings): string | null {
  if (journal !== 'none') return join(dirname(journal), 'prices.last.json');
  const file = /^sqlite:(.+)$/.exec(placeOf(store))?.[1];
  return file === undefined ? null : join(dirname(file), 'prices.last.json');
}

/**
 * The list of prices that the settings name. One whose settings did not change
 * lives on; a file is then read anew where it has changed, since a reload means
 * all that config names.
 */
export async function openPrices(
  settings: Settings,
  house: Pick<BuilderHouse, 'clock' | 'warn' | 'pricesChanged'>,
  before: Running<PriceFeed> | null,
  fresh: Installed[],
): Promise<Running<PriceFeed> | null> {
  const usage = settings.usage as UsageSettings | undefined;
  if (usage?.prices === undefined) return null;
  const { prices, pricesRefreshMs } = usage;
  const isAddress = isPriceAddress(prices);
  const lastGoodPath = isAddress ? lastPricesPath(usage) : null;
  const digest = settingsDigest([prices, pricesRefreshMs, lastGoodPath]);
  if (before?.digest === digest) {
    if (!isAddress) await before.installed.reread();
    return before;
  }
  const installed = await PriceFeed.open({
    setting: prices,
    source: isAddress ? addressSource(prices, fetchText) : fileSource(prices),
    lastGoodPath,
    refreshMs: pricesRefreshMs,
    clock: house.clock,
    warn: warning => house.warn(warning),
    changed: () => house.pricesChanged(),
  });
  fresh.push(installed);
  return { digest, installed };
}
