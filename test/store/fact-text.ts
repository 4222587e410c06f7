import type { Fact } from '../../lib/pipeline/index.ts';

/** A fact with every member, where a test says what it is about. */
export function factOf(seq: number, members: Partial<Fact> = {}): Fact {
  return {
    v: 1,
    id: `box:00000000000000aa:${seq}`,
    time: '2026-11-20T10:00:00.000Z',
    kind: 'request',
    requestId: `weir-${seq}`,
    upstreamRequestId: null,
    subject: 'alice',
    keyId: 'key-1',
    auth: 'virtual',
    tags: {},
    provider: 'lab',
    dialect: 'openai-chat',
    operation: 'chat',
    method: 'POST',
    path: '/v1/chat/completions',
    status: 200,
    outcome: 'complete',
    errorCode: null,
    stream: false,
    modelRequested: 'small',
    modelServed: 'small-2026',
    finishReason: 'stop',
    inputTokens: 10,
    outputTokens: 5,
    cachedInputTokens: null,
    cacheWriteTokens: null,
    reasoningTokens: null,
    audioTokens: null,
    measures: {},
    usageSource: 'provider',
    usageNote: null,
    costNanos: 1000,
    costSource: 'price',
    priceVersion: '1',
    reservedTokens: null,
    reservedNanos: null,
    chargedTokens: null,
    chargedNanos: null,
    route: { name: null, target: null, reason: null, arm: null, role: null },
    attempts: 1,
    poolKey: 'a',
    queueMs: 0,
    ttfbMs: 1,
    durationMs: 2,
    requestBytes: 100,
    responseBytes: 200,
    refusals: null,
    ...members,
  };
}

export function factText(seq: number, members: Partial<Fact> = {}): string {
  return JSON.stringify(factOf(seq, members));
}

/** Texts of the facts from one number up to and with another. */
export function factTexts(first: number, last: number, members: Partial<Fact> = {}): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => factText(first + i, members));
}
