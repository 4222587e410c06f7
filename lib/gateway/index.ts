export { ConfigError, createGateway, startGateway } from './create.ts';
export { Gateway, type GatewayEvents, type GatewayOptions } from './gateway.ts';
export { configSchema, loadSettings, type Settings } from './settings.ts';
