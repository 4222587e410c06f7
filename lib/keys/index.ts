export { type GrantSettings, grantSchema } from './grant.ts';
export { IdentifyStage } from './identify.ts';
export { installationSecret } from './installation-secret.ts';
export { PoolStage } from './pool.ts';
export { type StaticKeySettings, StaticKeys } from './static-keys.ts';
