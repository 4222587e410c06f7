import type { Secret } from '../../base/index.ts';
import type { Refusal } from '../../errors/index.ts';
import type { AuthScheme, AuthSchemeName, OutboundRequest } from '../../pipeline/index.ts';

/**
 * One scheme for most paths and others below certain prefixes: some providers
 * put a second API, with its own credential field, under a path of its own.
 */
export class ByPathScheme implements AuthScheme {
  readonly name: AuthSchemeName;
  readonly needsBody: boolean;
  readonly #usual: AuthScheme;
  readonly #below: readonly (readonly [prefix: string, scheme: AuthScheme])[];

  /** Prefixes are whole segments as they go upstream, without a slash at the end. */
  constructor(usual: AuthScheme, below: readonly (readonly [prefix: string, scheme: AuthScheme])[]) {
    this.name = usual.name;
    this.needsBody = usual.needsBody || below.some(([, scheme]) => scheme.needsBody);
    this.#usual = usual;
    this.#below = below;
  }

  sign(request: OutboundRequest, key: Secret): undefined | Promise<undefined | Refusal> {
    for (const [prefix, scheme] of this.#below) {
      if (isBelow(request.path, prefix)) return scheme.sign(request, key);
    }
    return this.#usual.sign(request, key);
  }
}

function isBelow(path: string, prefix: string): boolean {
  if (!path.startsWith(prefix)) return false;
  const next = path.charAt(prefix.length);
  return next === '' || next === '/' || next === '?';
}
