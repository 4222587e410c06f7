import { createHmac } from 'node:crypto';
import type { Secret } from '../base/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Exchange, Principal, Stage, StageResult } from '../pipeline/index.ts';
import { CREDENTIAL_FIELDS } from '../wire/index.ts';
import { readCredentials } from './credentials.ts';
import { checkGrant } from './grant.ts';
import type { StaticKey, StaticKeys } from './static-keys.ts';

/** What our own signed keys look like: never forwarded, whether they verify or not (CONTRACT §2). */
const OWN_FORM = /^weir_|v4\.public\./i;
const NO_TAGS = Object.freeze({});

export interface IdentifySettings {
  readonly byo: boolean;
  readonly open: boolean;
  readonly staticKeys: StaticKeys;
  /** Keys the HMAC that names BYO keys in facts. */
  readonly installationSecret: Secret;
}

/** Credential → principal. A BYO key is passed on unchanged and known by a keyed fingerprint only. */
export class IdentifyStage implements Stage {
  readonly name = 'identify';
  readonly phase = 'identify';
  readonly #settings: IdentifySettings;

  constructor(settings: IdentifySettings) {
    this.#settings = settings;
  }

  run(exchange: Exchange): StageResult {
    const provider = exchange.provider!;
    const found = readCredentials(exchange.req.rawHeaders, exchange.target!.query, provider.scheme.name);
    if (found instanceof Refusal) return found;
    const own = this.#ownKeys(found);
    if (own.length > 1) return new Refusal('ambiguous_credentials');
    const key = own[0];
    if (key !== undefined) return this.#identifyOwn(exchange, key);
    if (this.#settings.open && (provider.keys.length > 0 || provider.scheme.name === 'none')) {
      exchange.principal = { auth: 'none', subject: null, keyId: null, tags: NO_TAGS, managed: true };
      return undefined;
    }
    if (!this.#settings.byo || this.#holdsOwn(exchange.req.rawHeaders)) return new Refusal('invalid_key');
    exchange.principal = this.#byoPrincipal(found);
    return undefined;
  }

  /** The static keys among the credentials, and null for each that has our own form. */
  #ownKeys(found: readonly string[]): readonly (StaticKey | null)[] {
    const own: (StaticKey | null)[] = [];
    for (const value of found) {
      const key = this.#settings.staticKeys.size === 0 ? null : this.#settings.staticKeys.find(value);
      if (key !== null || OWN_FORM.test(value)) own.push(key);
    }
    return own;
  }

  /**
   * A key of ours in a form that is no credential here (`Authorization: Token …`,
   * a field of another scheme): it must not reach a provider either.
   */
  #holdsOwn(rawHeaders: readonly string[]): boolean {
    for (let i = 0; i < rawHeaders.length; i += 2) {
      if (!CREDENTIAL_FIELDS.has(rawHeaders[i]!.toLowerCase())) continue;
      for (const word of rawHeaders[i + 1]!.split(/[\s,]+/)) {
        if (OWN_FORM.test(word) || this.#settings.staticKeys.find(word) !== null) return true;
      }
    }
    return false;
  }

  #identifyOwn(exchange: Exchange, key: StaticKey | null): StageResult {
    if (key === null) return new Refusal('invalid_key');
    exchange.principal = {
      auth: 'static',
      subject: key.subject,
      keyId: key.id,
      tags: key.tags,
      managed: true,
    };
    return checkGrant(key.grant, exchange);
  }

  #byoPrincipal(found: readonly string[]): Principal {
    const first = found[0];
    if (first === undefined)
      return { auth: 'none', subject: null, keyId: null, tags: NO_TAGS, managed: false };
    const mac = createHmac('sha256', this.#settings.installationSecret.reveal()).update(first).digest('hex');
    return { auth: 'byo', subject: null, keyId: `byo:${mac.slice(0, 16)}`, tags: NO_TAGS, managed: false };
  }
}
