export { type Clock, systemClock } from './clock.ts';
export { IdSource, requestIdFrom } from './ids.ts';
export { packageRoot } from './paths.ts';
export { Secret } from './secret.ts';
