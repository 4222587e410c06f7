import type { AuthScheme } from '../../pipeline/index.ts';

/** For servers that ask for no key. */
export const noneScheme: AuthScheme = Object.freeze({
  name: 'none',
  needsBody: false,
  sign: () => undefined,
});
