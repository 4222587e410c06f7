import type { Secret } from '../base/index.ts';
import type { Refusal } from '../errors/index.ts';
import type { Dialect, Endpoint } from './dialect.ts';
import type { Exchange } from './exchange.ts';
import type { Usage, UsageTraits } from './usage.ts';

/** How a provider wants its key (CONTRACT §2). */
export const AUTH_SCHEMES = [
  'bearer',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'xi-api-key',
  'token',
  'raw',
  'sigv4',
  'google-oauth',
  'none',
] as const;

export type AuthSchemeName = (typeof AUTH_SCHEMES)[number];

/** A request about to go upstream, as far as a signature needs to know it. */
export interface OutboundRequest {
  readonly method: string;
  /** The upstream authority: `host` or `host:port`. */
  readonly host: string;
  /** Path with query, as it will be sent. */
  readonly path: string;
  /** Flat name, value pairs; signing appends to it. */
  readonly headers: string[];
  /** The whole body where it is in hand, else null. */
  readonly body: Buffer | null;
  /** Secrets made of the key that go upstream besides it: signing appends to it. */
  readonly secrets: Secret[];
}

/** Puts a pool key on a request. Returns a refusal when the key cannot be used now. */
export interface AuthScheme {
  readonly name: AuthSchemeName;
  /** The signature covers the body, so it must be in hand. */
  readonly needsBody: boolean;
  sign(request: OutboundRequest, key: Secret): undefined | Promise<undefined | Refusal>;
}

/** A provider's real key. `id` is public: facts and logs carry it. */
export interface PoolKey {
  readonly id: string;
  readonly secret: Secret;
  /** Share of the traffic relative to its siblings, 1…1000. */
  readonly weight: number;
}

/** An answer by which a provider says that it does not accept the key it was given. */
export interface KeyRefusal {
  readonly status: number;
  /** The error's own word for it (a `code`, `type`, `status` or `reason` member), or null where the status says it all. */
  readonly reason: string | null;
}

/** What an answer says about the pool key it was given: `unsuited` is a refusal that may be due to the call, so that no key is blamed. */
export type KeyVerdict = 'fine' | 'refused' | 'limited' | 'unsuited';

/** The upstream keys of all providers: which to use, and what their answers mean for them. */
export interface KeyPool {
  /** Whether the body of such an answer must be looked at before any of it is relayed. */
  suspects(exchange: Exchange, status: number): boolean;
  /**
   * Takes note of an answer. `error` is its plain body where `suspects` asked
   * for it and it could be read, else null.
   */
  judge(exchange: Exchange, status: number, retryAfter: string | null, error: Buffer | null): KeyVerdict;
  /** Another key for the same request, set on the exchange; or why there is none. */
  next(exchange: Exchange): Refusal | undefined;
  /** Why there would be no key for the next such request, or undefined. */
  lacks(exchange: Exchange): Refusal | undefined;
}

/** When a provider states usage in an OpenAI-style stream (providers.md §4). */
export type StreamUsagePolicy = 'opt-in' | 'auto' | 'reject' | 'unknown';

/** The counts that a price is applied to. */
export type PricedUsage = Pick<
  Usage,
  | 'inputTokens'
  | 'outputTokens'
  | 'cachedInputTokens'
  | 'cacheWriteTokens'
  | 'reasoningTokens'
  | 'audioTokens'
  | 'measures'
>;

/** What a model costs. */
export interface Price {
  /** Stands for these very rates: other rates have another. */
  readonly version: string;
  /** USD × 10⁹, a safe integer; null where a count or a rate that it takes is not known. */
  costNanos(used: PricedUsage): number | null;
}

/** The prices of one provider. */
export interface PriceList {
  /** Null where nobody stated a price for the model. */
  find(model: string): Price | null;
}

/** How far an answer whose client has left is read on, so that its usage is known. Whichever is reached first cancels it. */
export interface DrainLimit {
  /** Body bytes as on the wire. */
  readonly bytes: number;
  readonly ms: number;
}

/** An upstream API, compiled from its YAML row and the config. */
export interface Provider {
  readonly name: string;
  /** Scheme and authority, no path. */
  readonly origin: string;
  /** Path of the configured origin, prefixed to every request: usually ''. */
  readonly originPath: string;
  readonly scheme: AuthScheme;
  readonly dialects: readonly Dialect[];
  readonly streamUsage: StreamUsagePolicy;
  readonly injectUsage: boolean;
  readonly traits: UsageTraits;
  readonly prices: PriceList;
  /** Null: an answer is cancelled when its client leaves. */
  readonly disconnect: DrainLimit | null;
  readonly keys: readonly PoolKey[];
  /** Never 403, which is about what was asked for. */
  readonly keyRefusals: readonly KeyRefusal[];
  /** Response headers (lower case) whose absolute URL on `origin` is rewritten to pass through the gateway. */
  readonly rewriteUrlHeaders: ReadonlySet<string>;
  /** Response headers (lower case) that name the upstream's request id, in order of preference. */
  readonly requestIdHeaders: readonly string[];
  /** The endpoint of a path; never null: an unknown path is operation `other`. */
  endpoint(method: string, segments: readonly string[]): Endpoint;
  /** The dialect in which errors on a path are worded. */
  errorDialect(segments: readonly string[]): Dialect;
}
