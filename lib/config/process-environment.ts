import type { Environment } from './reference-reader.ts';

/** The variables of this process, for an embedded gateway whose host passes none. */
export function processEnvironment(): Environment {
  return process.env;
}
