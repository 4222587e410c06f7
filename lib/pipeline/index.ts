export {
  DEFAULT_OPERATIONS,
  type Dialect,
  type Endpoint,
  type ErrorShape,
  OPERATIONS,
  type Operation,
  type StoredState,
} from './dialect.ts';
export { Exchange, type Lease } from './exchange.ts';
export type { AuthKind, Fact, FactSink, Outcome } from './fact.ts';
export {
  type AdminAnswer,
  type AdminRequest,
  type AdminRoute,
  type AdmitStage,
  type Degradation,
  type Feature,
  type House,
  type Installed,
  type Metric,
  type MetricSample,
  type Outline,
  PHASES,
  type Phase,
  ROLES,
  type Role,
  type Stage,
  type StageMark,
  type StageResult,
  stagesOf,
  type Warning,
} from './feature.ts';
export type { Grant, ModelPatterns, Principal } from './principal.ts';
export {
  AUTH_SCHEMES,
  type AuthScheme,
  type AuthSchemeName,
  type KeyPool,
  type KeyRefusal,
  type KeyVerdict,
  type OutboundRequest,
  type PoolKey,
  type Price,
  type PricedUsage,
  type PriceList,
  type Provider,
  type StreamUsagePolicy,
} from './provider.ts';
export {
  MEASURES,
  type Measure,
  type OpenTap,
  type Tap,
  Usage,
  type UsageFold,
  type UsageReading,
  type UsageTraits,
} from './usage.ts';
