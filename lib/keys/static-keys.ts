import { hash, randomBytes } from 'node:crypto';
import type { Clock, Secret } from '../base/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Principal } from '../pipeline/index.ts';
import { compileGrant, type GrantSettings } from './grant.ts';
import { parseInstant } from './token/instant.ts';

export interface StaticKeySettings {
  readonly id: string;
  readonly key: Secret;
  readonly subject?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** RFC 3339, checked; absent: never. */
  readonly expires?: string;
  readonly grant?: GrantSettings;
}

interface StaticKey {
  readonly principal: Principal;
  readonly expiresMs: number;
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
  readonly #clock: Clock;

  constructor(settings: readonly StaticKeySettings[], clock: Clock) {
    this.#clock = clock;
    for (const entry of settings) this.#byDigest.set(this.#digest(entry.key.reveal()), compile(entry));
  }

  /** The principal of a key, a refusal where it has expired, null where it is none of them. */
  find(value: string): Principal | Refusal | null {
    if (this.#byDigest.size === 0) return null;
    const key = this.#byDigest.get(this.#digest(value));
    if (key === undefined) return null;
    return this.#clock.wallMs() < key.expiresMs
      ? key.principal
      : new Refusal('invalid_key', `static key ${key.principal.keyId} has expired`);
  }

  #digest(value: string): string {
    return hash('sha256', this.#pepper + value, 'base64');
  }
}

function compile({ id, subject, tags, expires, grant }: StaticKeySettings): StaticKey {
  const principal: Principal = Object.freeze({
    auth: 'static',
    subject: subject ?? id,
    keyId: id,
    tags: Object.freeze({ ...tags }),
    managed: true,
    grant: compileGrant(grant ?? {}),
    issuer: null,
    issuedMs: null,
  });
  return { principal, expiresMs: expires === undefined ? Number.POSITIVE_INFINITY : parseInstant(expires)! };
}
