import type { BadCredentialBudget } from '../base/index.ts';
import { Refusal } from '../errors/index.ts';
import { addressBucket } from '../wire/index.ts';

/** Credentials of one address that are being looked at. */
interface Looking {
  count: number;
  readonly waiting: (() => void)[];
}

/**
 * Bounds how many bad credentials one address may try a minute: forged keys cannot buy signature checks without end. Keys that are
 * known to be good, and static keys, pass all the same, so that one bad client does not lock out
 * those who share its address. No more are looked at together than may turn out
 * bad: the next one waits for what becomes of them.
 */
export class BadCredentials {
  readonly #budget: BadCredentialBudget;
  readonly #looking = new Map<string, Looking>();

  constructor(budget: BadCredentialBudget) {
    this.#budget = budget;
  }

  /**
   * Takes a place to look at an unknown credential, to be given back by `done`;
   * or says why nothing unknown is looked at from this address any more.
   */
  begin(address: string): Refusal | undefined | Promise<Refusal | undefined> {
    if (address === '') return undefined;
    const bucket = addressBucket(address);
    const left = this.#budget.left(bucket);
    if (left === 0) {
      // Whoever waits learns the same.
      this.#wake(bucket);
      return new Refusal('too_many_bad_credentials', null, this.#budget.retryAfterSeconds(bucket));
    }
    const looking = this.#looking.get(bucket);
    if (looking === undefined) this.#looking.set(bucket, { count: 1, waiting: [] });
    else if (looking.count >= left)
      return new Promise<void>(go => looking.waiting.push(go)).then(() => this.begin(address));
    else looking.count++;
    return undefined;
  }

  /** What became of a credential that had a place. */
  done(address: string, isBad: boolean): void {
    if (address === '') return;
    const bucket = addressBucket(address);
    if (isBad) this.#budget.charge(bucket);
    const looking = this.#looking.get(bucket)!;
    looking.count--;
    const left = this.#budget.left(bucket);
    // Where nothing is left all are told; otherwise as many as may be looked at.
    const free = left === 0 ? looking.waiting.length : left - looking.count;
    for (const go of looking.waiting.splice(0, free)) go();
    if (looking.count === 0 && looking.waiting.length === 0) this.#looking.delete(bucket);
  }

  /** One that is bad without having been looked at. */
  charge(address: string): void {
    if (address === '') return;
    const bucket = addressBucket(address);
    this.#budget.charge(bucket);
    if (this.#budget.left(bucket) === 0) this.#wake(bucket);
  }

  #wake(bucket: string): void {
    const looking = this.#looking.get(bucket);
    if (looking === undefined) return;
    for (const go of looking.waiting.splice(0)) go();
    if (looking.count === 0) this.#looking.delete(bucket);
  }
}
