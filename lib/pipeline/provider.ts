import type { Secret } from '../base/index.ts';
import type { Refusal } from '../errors/index.ts';
import type { Dialect, Endpoint } from './dialect.ts';
import type { UsageTraits } from './usage.ts';

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

/** When a provider states usage in an OpenAI-style stream (providers.md §4). */
export type StreamUsagePolicy = 'opt-in' | 'auto' | 'reject' | 'unknown';

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
  readonly keys: readonly PoolKey[];
  /** Response headers (lower case) whose absolute URL on `origin` is rewritten to pass through the gateway. */
  readonly rewriteUrlHeaders: ReadonlySet<string>;
  /** Response headers (lower case) that name the upstream's request id, in order of preference. */
  readonly requestIdHeaders: readonly string[];
  /** The endpoint of a path; never null: an unknown path is operation `other`. */
  endpoint(method: string, segments: readonly string[]): Endpoint;
  /** The dialect in which errors on a path are worded. */
  errorDialect(segments: readonly string[]): Dialect;
}
