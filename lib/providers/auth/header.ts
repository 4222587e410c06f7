import type { Secret } from '../../base/index.ts';
import type { AuthScheme, AuthSchemeName, OutboundRequest } from '../../pipeline/index.ts';

/** The key in one header field, behind an optional scheme word. */
export class HeaderScheme implements AuthScheme {
  readonly name: AuthSchemeName;
  readonly needsBody = false;
  readonly #field: string;
  readonly #prefix: string;

  /** `prefix` includes its space: `Bearer `, `Token `, or nothing. */
  constructor(name: AuthSchemeName, field: string, prefix: string) {
    this.name = name;
    this.#field = field;
    this.#prefix = prefix;
  }

  sign(request: OutboundRequest, key: Secret): undefined {
    request.headers.push(this.#field, this.#prefix + key.reveal());
  }
}
