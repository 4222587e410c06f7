export { describeLimits } from './describe-limits.ts';
export { type Limits, type LimitsHouse, openLimits } from './open-limits.ts';
export { type FleetSettings, type LimitSettings, limitsProperties } from './settings.ts';
