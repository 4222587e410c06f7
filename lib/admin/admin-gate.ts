import type { IncomingMessage } from 'node:http';
import type { Role } from '../pipeline/index.ts';
import { addressBucket, addressOf } from '../wire/index.ts';
import { type Admin, AdminKeys, includesRole } from './admin-keys.ts';
import { errorAnswer, type OpsAnswer } from './ops-answer.ts';
import type { BadCredentials } from './ops-house.ts';
import type { AdminKeySettings } from './settings.ts';

const BEARER = /^bearer +/i;

/** The distinct credentials of a request: `Authorization: Bearer` and `x-api-key`, no other place. */
function credentialsOf(rawHeaders: readonly string[]): readonly string[] {
  const found = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const value = rawHeaders[i + 1]!;
    if (name === 'x-api-key') found.add(value.trim());
    else if (name === 'authorization' && BEARER.test(value)) found.add(value.replace(BEARER, '').trim());
  }
  return [...found];
}

/** One answer for every reason: which of them it was is nobody's to know. */
function unauthorized(): OpsAnswer {
  const message =
    'This call needs an admin key of this gateway (ops.adminKeys), as Authorization: Bearer or x-api-key.';
  return errorAnswer(401, 'unauthorized', message, ['www-authenticate', 'Bearer']);
}

/** Decides who may make an admin call. */
export class AdminGate {
  readonly #badCredentials: BadCredentials;
  #keys: AdminKeys;

  constructor(settings: readonly AdminKeySettings[], badCredentials: BadCredentials) {
    this.#keys = new AdminKeys(settings);
    this.#badCredentials = badCredentials;
  }

  /** False while no admin key is configured: then there are no admin calls at all. */
  get isOpen(): boolean {
    return this.#keys.size > 0;
  }

  /** From now on these keys and no others. */
  update(settings: readonly AdminKeySettings[]): void {
    this.#keys = new AdminKeys(settings);
  }

  /**
   * The admin, or the refusal to answer. An address that guessed too often is
   * refused whatever it brings, so that a guess that hits cannot be told from
   * one that does not.
   */
  admit(req: IncomingMessage, role: Role): Admin | OpsAnswer {
    const address = addressBucket(addressOf(req.socket.remoteAddress ?? '') ?? '');
    if (this.#badCredentials.spent(address)) {
      const seconds = String(this.#badCredentials.retryAfterSeconds(address));
      const message = `Too many wrong admin keys came from this address. Try again in ${seconds} s.`;
      return errorAnswer(429, 'too_many_attempts', message, ['retry-after', seconds]);
    }
    const [credential, ...others] = credentialsOf(req.rawHeaders);
    if (credential === undefined) return unauthorized();
    const admin = others.length === 0 ? this.#keys.find(credential) : null;
    if (admin === null) {
      this.#badCredentials.charge(address);
      return unauthorized();
    }
    if (includesRole(admin.role, role)) return admin;
    const message = `This call needs an admin key of the role ${role}; this key's role is ${admin.role}.`;
    return errorAnswer(403, 'forbidden', message);
  }
}
