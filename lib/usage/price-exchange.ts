import { type Cost, type Exchange, type Operation, type PricedUsage, Usage } from '../pipeline/index.ts';
import { estimateUsage } from './estimate-usage.ts';

const UNPRICED: Cost = Object.freeze({ costNanos: null, costSource: null, priceVersion: null });

/** Calls that use a model. All others are free or, as batches, billed at rates of their own. */
const BILLED: ReadonlySet<Operation> = new Set([
  'chat',
  'completion',
  'embedding',
  'rerank',
  'moderation',
  'image',
  'speech',
  'transcription',
]);

/** What a finished exchange cost, made out once; with `estimates` by estimated counts where some are missing. */
export function costOf(exchange: Exchange, estimates: boolean): Cost {
  exchange.cost ??= priceExchange(exchange, estimates ? (estimateUsage(exchange)?.priced ?? null) : null);
  return exchange.cost;
}

/**
 * What a finished exchange cost. The provider's own statement wins; else the
 * price of the model that served, or, where that has none, of the one asked
 * for. An answer that is no success is charged by nobody. Null where anything
 * it takes is unknown, never 0. `estimated` are the counts where some of them are.
 */
export function priceExchange(exchange: Exchange, estimated: PricedUsage | null = null): Cost {
  const { usage, provider, endpoint, status } = exchange;
  if (usage !== null && usage.costNanos !== null)
    return { costNanos: usage.costNanos, costSource: 'provider', priceVersion: null };
  if (provider === null || endpoint === null || !BILLED.has(endpoint.operation)) return UNPRICED;
  if (status === null || status < 200 || status > 299) return UNPRICED;
  // Counts that are not what the provider said must not become money.
  if (exchange.tapGaveUp || usage?.invalid === true) return UNPRICED;
  // Nor may the usual rates where the provider says that it billed others.
  if (usage !== null && usage.otherRates !== null) return UNPRICED;
  const find = (model: string | null | undefined) => (model == null ? null : provider.prices.find(model));
  const price = find(usage?.modelServed) ?? find(exchange.modelRequested);
  const costNanos = price?.costNanos(estimated ?? finalCounts(exchange)) ?? null;
  return costNanos === null ? UNPRICED : { costNanos, costSource: 'price', priceVersion: price!.version };
}

/** What was used. The output of an answer that was cut goes on where its last count stops: it is not known. */
function finalCounts({ usage, outcome, answerEnded }: Exchange): PricedUsage {
  if (usage === null) return new Usage();
  return outcome === 'complete' || answerEnded ? usage : { ...usage, outputTokens: null };
}
