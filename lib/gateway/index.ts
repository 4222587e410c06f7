export { ConfigError, createGateway, startGateway } from './create.ts';
export { explain } from './explain.ts';
export { Gateway, type GatewayEvents, type GatewayOptions } from './gateway.ts';
export { type PriceView, readPrices } from './price-view.ts';
export { configSchema, type Settings } from './settings.ts';
export { SettingsLoader, type SettingsSource } from './settings-loader.ts';
