import { otherEndpoint } from '../dialects/index.ts';
import type {
  AuthScheme,
  Dialect,
  DrainLimit,
  Endpoint,
  KeyRefusal,
  PoolKey,
  PriceList,
  Provider,
  StreamUsagePolicy,
  UsageTraits,
} from '../pipeline/index.ts';

/** Everything a compiled provider is made of. */
export type ProviderParts = Omit<Provider, 'endpoint' | 'errorDialect'>;

/** Errors are worded before the method is judged, so a path is asked for with both common ones. */
const COMMON_METHODS = ['POST', 'GET'] as const;

/** A row and its config, ready for requests. */
export class CompiledProvider implements Provider {
  readonly name: string;
  readonly origin: string;
  readonly originPath: string;
  readonly scheme: AuthScheme;
  readonly dialects: readonly Dialect[];
  readonly streamUsage: StreamUsagePolicy;
  readonly injectUsage: boolean;
  readonly traits: UsageTraits;
  readonly prices: PriceList;
  readonly disconnect: DrainLimit | null;
  readonly keys: readonly PoolKey[];
  readonly keyRefusals: readonly KeyRefusal[];
  readonly rewriteUrlHeaders: ReadonlySet<string>;
  readonly requestIdHeaders: readonly string[];
  readonly #unknown: Endpoint;

  /** `dialects` must not be empty. */
  constructor(parts: ProviderParts) {
    this.name = parts.name;
    this.origin = parts.origin;
    this.originPath = parts.originPath;
    this.scheme = parts.scheme;
    this.dialects = parts.dialects;
    this.streamUsage = parts.streamUsage;
    this.injectUsage = parts.injectUsage;
    this.traits = parts.traits;
    this.prices = parts.prices;
    this.disconnect = parts.disconnect;
    this.keys = parts.keys;
    this.keyRefusals = parts.keyRefusals;
    this.rewriteUrlHeaders = parts.rewriteUrlHeaders;
    this.requestIdHeaders = parts.requestIdHeaders;
    this.#unknown = otherEndpoint(parts.dialects[0]!.family);
  }

  endpoint(method: string, segments: readonly string[]): Endpoint {
    for (const dialect of this.dialects) {
      const endpoint = dialect.match(method, segments);
      if (endpoint !== null) return endpoint;
    }
    return this.#unknown;
  }

  errorDialect(segments: readonly string[]): Dialect {
    for (const method of COMMON_METHODS) {
      for (const dialect of this.dialects) if (dialect.match(method, segments) !== null) return dialect;
    }
    return this.dialects[0]!;
  }
}
