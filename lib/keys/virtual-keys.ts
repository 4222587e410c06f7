import { Refusal } from '../errors/index.ts';
import type { Principal } from '../pipeline/index.ts';
import { ownKeyForm } from './token/key-form.ts';

/** The keys that issuers sign: whose they look like, and whose they are. */
export interface VirtualKeys {
  /** Never forwarded, whether they verify or not (CONTRACT §2). */
  looksOwn(value: string): boolean;
  /** What was found out about this very key before, or null. */
  known(value: string): Principal | Refusal | null;
  verify(value: string): Principal | Refusal | Promise<Principal | Refusal>;
}

/** A gateway without issuers: it knows its own form, and accepts none. */
export class NoVirtualKeys implements VirtualKeys {
  readonly #ownForm: RegExp;

  constructor(prefixes: readonly string[]) {
    this.#ownForm = ownKeyForm(prefixes);
  }

  looksOwn(value: string): boolean {
    return this.#ownForm.test(value);
  }

  known(): null {
    return null;
  }

  verify(): Refusal {
    return new Refusal('invalid_key', 'no issuer is configured');
  }
}
