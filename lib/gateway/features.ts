import { denyFeature } from '../keys/index.ts';
import type { Feature } from '../pipeline/index.ts';
import { usageFeature } from '../usage/index.ts';

/** Everything that config can switch on. A new feature is a folder and a line here. */
export const FEATURES: readonly Feature<never>[] = [
  usageFeature as Feature<never>,
  denyFeature as Feature<never>,
];
