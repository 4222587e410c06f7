import type { Exchange, Fact } from '../pipeline/index.ts';

const NO_ROUTE: Fact['route'] = Object.freeze({
  name: null,
  target: null,
  reason: null,
  arm: null,
  role: null,
});
const NO_TAGS: Fact['tags'] = Object.freeze({});
const NO_MEASURES: Fact['measures'] = Object.freeze({});

function noteOf(exchange: Exchange): Fact['usageNote'] {
  if (exchange.tapGaveUp) return 'tapGaveUp';
  return exchange.usage?.invalid ? 'invalid' : null;
}

function between(fromMs: number | null, toMs: number | null): number | null {
  return fromMs === null || toMs === null ? null : Math.max(0, Math.round(toMs - fromMs));
}

/** The settled record of an exchange (CONTRACT §5). `nowMs` is monotonic, as its times are. */
export function factOf(exchange: Exchange, tags: Fact['tags'] | null, nowMs: number): Fact {
  const { principal, usage, endpoint, target } = exchange;
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
    tags: tags ?? principal?.tags ?? NO_TAGS,
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
    modelServed: usage?.modelServed ?? null,
    finishReason: usage?.finishReason ?? null,
    inputTokens: usage?.inputTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    cachedInputTokens: usage?.cachedInputTokens ?? null,
    cacheWriteTokens: usage?.cacheWriteTokens ?? null,
    reasoningTokens: usage?.reasoningTokens ?? null,
    audioTokens: usage?.audioTokens ?? null,
    measures: usage?.measures ?? NO_MEASURES,
    usageSource: usage?.stated ? 'provider' : 'none',
    usageNote: noteOf(exchange),
    costNanos: usage?.costNanos ?? null,
    costSource: usage !== null && usage.costNanos !== null ? 'provider' : null,
    priceVersion: null,
    route: NO_ROUTE,
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
