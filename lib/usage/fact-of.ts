import type { Exchange, Fact } from '../pipeline/index.ts';
import { priceExchange } from './price-exchange.ts';

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

/** A word of the provider's, unless it repeats what it was given in confidence. */
function wordOf(exchange: Exchange, word: string | null | undefined): string | null {
  return word == null || exchange.repeatsSecret(word) ? null : word;
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
    modelServed: wordOf(exchange, usage?.modelServed),
    finishReason: wordOf(exchange, usage?.finishReason),
    inputTokens: usage?.inputTokens ?? null,
    outputTokens: usage?.outputTokens ?? null,
    cachedInputTokens: usage?.cachedInputTokens ?? null,
    cacheWriteTokens: usage?.cacheWriteTokens ?? null,
    reasoningTokens: usage?.reasoningTokens ?? null,
    audioTokens: usage?.audioTokens ?? null,
    measures: usage?.measures ?? NO_MEASURES,
    usageSource: usage?.stated ? 'provider' : 'none',
    usageNote: noteOf(exchange),
    ...priceExchange(exchange),
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

/** A call of the ops listener, to be put on record before it takes effect. */
export interface AdminCall {
  /** Name of the admin key. */
  readonly admin: string;
  readonly role: string;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  /** Of the path. */
  readonly params: Readonly<Record<string, string>>;
  /** The parsed JSON body, whatever it is. */
  readonly body: unknown;
}

/** What of an admin call's body is put on record, where it is text. */
const RECORDED_MEMBERS = ['kind', 'id', 'reason', 'until', 'issuedBefore', 'subject', 'expires'] as const;

function recordedBody(body: unknown): Record<string, string> {
  if (typeof body !== 'object' || body === null) return {};
  const members = body as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    RECORDED_MEMBERS.flatMap(name => {
      const value = members[name];
      // A whole key in the place of its id is not for keeping.
      return typeof value === 'string' && !value.includes('v4.public.') ? [[name, value.slice(0, 256)]] : [];
    }),
  );
}

/** The record of an admin call: nothing of it has happened yet, so it has no status. */
export function adminFact(id: string, call: AdminCall, wallMs: number): Fact {
  return {
    ...NO_EXCHANGE,
    id,
    time: new Date(wallMs).toISOString(),
    requestId: call.requestId,
    subject: call.admin,
    keyId: call.admin,
    tags: { ...recordedBody(call.body), ...call.params, role: call.role },
    method: call.method,
    path: call.path,
  };
}

const NO_EXCHANGE: Omit<Fact, 'id' | 'time'> = Object.freeze({
  v: 1,
  kind: 'admin',
  requestId: null,
  upstreamRequestId: null,
  subject: null,
  keyId: null,
  auth: 'static',
  tags: NO_TAGS,
  provider: null,
  dialect: null,
  operation: null,
  method: null,
  path: null,
  status: null,
  outcome: 'complete',
  errorCode: null,
  stream: false,
  modelRequested: null,
  modelServed: null,
  finishReason: null,
  inputTokens: null,
  outputTokens: null,
  cachedInputTokens: null,
  cacheWriteTokens: null,
  reasoningTokens: null,
  audioTokens: null,
  measures: NO_MEASURES,
  usageSource: 'none',
  usageNote: null,
  costNanos: null,
  costSource: null,
  priceVersion: null,
  route: NO_ROUTE,
  attempts: 0,
  poolKey: null,
  queueMs: null,
  ttfbMs: null,
  durationMs: null,
  requestBytes: 0,
  responseBytes: 0,
  refusals: null,
});
