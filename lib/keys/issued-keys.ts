import { Refusal } from '../errors/index.ts';
import type { Principal } from '../pipeline/index.ts';
import { compileGrant } from './grant.ts';
import { KeyFault } from './token/key-fault.ts';
import type { KeyVerifier, VerifiedKey } from './token/key-verifier.ts';
import type { VirtualKeys } from './virtual-keys.ts';

/** Keys under the issuers of the config. One principal per key, shared by all its requests. */
export class IssuedKeys implements VirtualKeys {
  readonly #verifier: KeyVerifier<Principal>;

  constructor(verifier: KeyVerifier<Principal>) {
    this.#verifier = verifier;
  }

  looksOwn(value: string): boolean {
    return this.#verifier.looksOwn(value);
  }

  known(value: string): Principal | Refusal | null {
    const known = this.#verifier.known(value);
    return known === null ? null : asResult(known);
  }

  verify(value: string): Principal | Refusal | Promise<Principal | Refusal> {
    const result = this.#verifier.verify(value);
    return result instanceof Promise ? result.then(asResult) : asResult(result);
  }
}

function asResult(result: Principal | KeyFault): Principal | Refusal {
  if (!(result instanceof KeyFault)) return result;
  if (result.kind === 'busy') return new Refusal('overloaded', result.detail, 1);
  return new Refusal('invalid_key', result.detail);
}

/** Who a verified key makes its bearer. */
export function principalOf(key: VerifiedKey): Principal {
  return Object.freeze({
    auth: 'virtual',
    subject: key.subject,
    keyId: key.keyId,
    tags: Object.freeze({ ...key.tags }),
    managed: true,
    grant: compileGrant(key.grant),
    issuer: key.issuer,
    issuedMs: key.issuedMs,
  });
}
