export {
  DEFAULT_OPERATIONS,
  type Dialect,
  type Endpoint,
  type ErrorShape,
  OPERATIONS,
  type Operation,
} from './dialect.ts';
export { Exchange, type Principal } from './exchange.ts';
export type { AuthKind, Fact, FactSink, Outcome } from './fact.ts';
export type { Feature, House, Installed, Warning } from './feature.ts';
export {
  AUTH_SCHEMES,
  type AuthScheme,
  type AuthSchemeName,
  type OutboundRequest,
  type PoolKey,
  type Provider,
  type StreamUsagePolicy,
} from './provider.ts';
export { compileStages, PHASES, type Phase, type Stage, type StageResult } from './stage.ts';
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
