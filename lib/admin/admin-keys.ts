import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { ROLES, type Role } from '../pipeline/index.ts';
import { type AdminKeySettings, adminKeyId } from './settings.ts';

/** Who holds an admin key. */
export interface Admin {
  readonly id: string;
  readonly role: Role;
}

/** Whether a role includes another (each includes those before it). */
export function includesRole(held: Role, needed: Role): boolean {
  return ROLES.indexOf(held) >= ROLES.indexOf(needed);
}

/**
 * Admin keys by their digest under a pepper that is new at every start. A value
 * is compared with every one of them, so that neither how far it agrees nor
 * which key it is near shows in the time it takes.
 */
export class AdminKeys {
  readonly #pepper = randomBytes(32);
  readonly #rows: readonly { readonly digest: Buffer; readonly admin: Admin }[];

  constructor(settings: readonly AdminKeySettings[]) {
    this.#rows = settings.map((one, i) => ({
      digest: this.#digest(one.key.reveal()),
      admin: Object.freeze({ id: adminKeyId(one, i), role: one.role }),
    }));
  }

  get size(): number {
    return this.#rows.length;
  }

  find(value: string): Admin | null {
    const digest = this.#digest(value);
    let found: Admin | null = null;
    for (const row of this.#rows) if (timingSafeEqual(row.digest, digest)) found = row.admin;
    return found;
  }

  #digest(value: string): Buffer {
    return createHmac('sha256', this.#pepper).update(value).digest();
  }
}
