import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
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
 * Static client keys by a keyed digest: looking one up takes the same time
 * whatever was sent, and the table holds no key in the clear.
 */
export class StaticKeys {
  readonly #pepper = randomBytes(32);
  readonly #byDigest = new Map<string, { digest: Buffer; key: StaticKey }>();

  constructor(settings: readonly StaticKeySettings[]) {
    for (const { id, key, subject, tags, grant } of settings) {
      const digest = this.#digest(key.reveal());
      const known = this.#byDigest.get(digest.toString('latin1'));
      if (known !== undefined) throw new Error(`static keys ${known.key.id} and ${id} have the same value`);
      const entry = {
        id,
        subject: subject ?? id,
        tags: Object.freeze({ ...tags }),
        grant: compileGrant(grant),
      };
      this.#byDigest.set(digest.toString('latin1'), { digest, key: entry });
    }
  }

  get size(): number {
    return this.#byDigest.size;
  }

  find(value: string): StaticKey | null {
    const digest = this.#digest(value);
    const entry = this.#byDigest.get(digest.toString('latin1'));
    return entry !== undefined && timingSafeEqual(entry.digest, digest) ? entry.key : null;
  }

  #digest(value: string): Buffer {
    return createHmac('sha256', this.#pepper).update(value).digest();
  }
}
