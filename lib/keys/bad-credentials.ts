import type { BadCredentialBudget } from '../base/index.ts';
import { Refusal } from '../errors/index.ts';
import { addressBucket } from '../wire/index.ts';

/**
 * Bounds how many bad credentials one address may try a minute: guessing stays
 * slow, and forged keys cannot buy signature checks without end. Keys that are
 * known to be good pass all the same, so that one bad client does not lock out
 * those who share its address.
 */
export class BadCredentials {
  readonly #budget: BadCredentialBudget;

  constructor(budget: BadCredentialBudget) {
    this.#budget = budget;
  }

  /** Why nothing unknown is looked at from this address any more, or undefined. */
  refusalFor(address: string): Refusal | undefined {
    if (address === '') return undefined;
    const bucket = addressBucket(address);
    return this.#budget.spent(bucket)
      ? new Refusal('too_many_bad_credentials', null, this.#budget.retryAfterSeconds(bucket))
      : undefined;
  }

  charge(address: string): void {
    if (address !== '') this.#budget.charge(addressBucket(address));
  }
}
