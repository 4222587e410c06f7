/** Weir as a library. Everything else is internal. */
export { Secret } from './base/index.ts';
export { ConfigError, createGateway, type Gateway, type GatewayEvents } from './gateway/index.ts';
export type { Fact, Outcome, Warning } from './pipeline/index.ts';
