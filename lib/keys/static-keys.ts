import { hash, randomBytes } from 'node:crypto';
import type { Secret } from '../base/index.ts';
import { compileGrant, type Grant, type GrantSettings } from './grant.ts';

export interface StaticKeySettings {
  readonly id: string;
  readonly key: Secret;
  readonly subject?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly grant?: GrantSettings;
}

export interface StaticKey {
  readonly id: string;
  readonly subject: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly grant: Grant;
}

/**
 * Static client keys by a digest under a pepper that is new at every start:
 * how far a guess agrees with a key shows in no timing, since what is compared
 * is unpredictable to who guesses, and the table holds no key in the clear.
 * Values are distinct: the config was checked for it.
 */
export class StaticKeys {
  readonly #pepper = randomBytes(32).toString('hex');
  readonly #byDigest = new Map<string, StaticKey>();

  constructor(settings: readonly StaticKeySettings[]) {
    for (const { id, key, subject, tags, grant } of settings) {
      const entry = {
        id,
        subject: subject ?? id,
        tags: Object.freeze({ ...tags }),
        grant: compileGrant(grant),
      };
      this.#byDigest.set(this.#digest(key.reveal()), entry);
    }
  }

  get size(): number {
    return this.#byDigest.size;
  }

  find(value: string): StaticKey | null {
    return this.#byDigest.get(this.#digest(value)) ?? null;
  }

  #digest(value: string): string {
    return hash('sha256', this.#pepper + value, 'base64');
  }
}
