import type { Exchange, Fact } from '../pipeline/index.ts';
import { BLANK_FACT } from './blank-fact.ts';
import { estimateUsage } from './estimate-usage.ts';
import { priceExchange } from './price-exchange.ts';

function noteOf(exchange: Exchange): Fact['usageNote'] {
  if (exchange.tapGaveUp) return 'tapGaveUp';
  return exchange.usage?.invalid ? 'invalid' : null;
}

function between(fromMs: number | null, toMs: number | null): number | null {
  return fromMs === null || toMs === null ? null : Math.max(0, Math.round(toMs - fromMs));
}

/** A word of the provider's, unless it repeats what it was given in confidence. */
function wordOf(exchange: Exchange, word: string | null | undefined): string | null {
  return word == null || exchange.repeatsSecret(word) ? null : word;
}

/** The settled record of an exchange (CONTRACT §5). `nowMs` is monotonic, as its times are; with `estimates` counts that are missing are filled in. */
export function factOf(
  exchange: Exchange,
  tags: Fact['tags'] | null,
  nowMs: number,
  estimates = false,
): Fact {
  const { principal, endpoint, target } = exchange;
  const estimate = estimates ? estimateUsage(exchange) : null;
  const usage = estimate?.usage ?? exchange.usage;
  return {
    v: 1,
    id: exchange.id,
    time: new Date(exchange.startedWallMs).toISOString(),
    kind: 'request',
    requestId: exchange.requestId,
    upstreamRequestId: exchange.upstreamRequestId,
    subject: principal?.subject ?? null,
    keyId: principal?.keyId ?? null,
    auth: principal?.auth ?? 'none',
    tags: tags ?? principal?.tags ?? BLANK_FACT.tags,
    provider: exchange.provider?.name ?? null,
    dialect: endpoint?.name ?? null,
    operation: endpoint?.operation ?? null,
    method: exchange.req.method ?? null,
    path: target?.path ?? null,
    status: exchange.status,
    outcome: exchange.outcome!,
    errorCode: exchange.errorCode,
    stream: exchange.streamed,
    modelRequested: exchange.modelRequested,
    modelServed: wordOf(exchange, usage?.modelServed),
    finishReason: wordOf(exchange, usage?.finishReason),
    inputTokens: usage?.inputTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    cachedInputTokens: usage?.cachedInputTokens ?? null,
    cacheWriteTokens: usage?.cacheWriteTokens ?? null,
    reasoningTokens: usage?.reasoningTokens ?? null,
    audioTokens: usage?.audioTokens ?? null,
    measures: usage?.measures ?? BLANK_FACT.measures,
    usageSource: estimate !== null ? 'estimated' : usage?.stated ? 'provider' : 'none',
    usageNote: noteOf(exchange) ?? estimate?.note ?? null,
    ...priceExchange(exchange, estimate?.priced ?? null),
    route: BLANK_FACT.route,
    attempts: exchange.attempts,
    poolKey: exchange.poolKey?.id ?? null,
    queueMs: between(exchange.startedMs, exchange.dispatchedMs),
    ttfbMs: between(exchange.dispatchedMs, exchange.firstByteMs),
    durationMs: between(exchange.startedMs, nowMs),
    requestBytes: exchange.requestBytes,
    responseBytes: exchange.responseBytes,
    refusals: null,
  };
}
