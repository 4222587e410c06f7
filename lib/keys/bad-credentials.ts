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

  /** Counts one before it is looked at, so that many at once cannot pass together; what it returns takes it back. */
  charge(address: string): number {
    return address === '' ? 0 : this.#budget.charge(addressBucket(address));
  }

  /** It was good after all, or nothing was found out about it. */
  refund(address: string, charge: number): void {
    if (address !== '') this.#budget.refund(addressBucket(address), charge);
  }
}
