import { createHmac } from 'node:crypto';
import type { Secret } from '../base/index.ts';
import { Refusal } from '../errors/index.ts';
import type { Exchange, Principal, Stage, StageResult } from '../pipeline/index.ts';
import { CREDENTIAL_FIELDS } from '../wire/index.ts';
import type { BadCredentials } from './bad-credentials.ts';
import { readCredentials } from './credentials.ts';
import type { StaticKeys } from './static-keys.ts';
import { UnknownLane } from './unknown-lane.ts';
import type { VirtualKeys } from './virtual-keys.ts';

const NO_TAGS = Object.freeze({});

const NOBODY: Principal = Object.freeze({
  auth: 'none',
  subject: null,
  keyId: null,
  tags: NO_TAGS,
  managed: false,
  grant: null,
  issuer: null,
  issuedMs: null,
});
const ANYBODY: Principal = Object.freeze({ ...NOBODY, managed: true });

export interface IdentifySettings {
  readonly byo: boolean;
  readonly open: boolean;
  readonly staticKeys: StaticKeys;
  readonly virtualKeys: VirtualKeys;
  /** Null where no credential of ours exists, so none can be guessed. */
  readonly badCredentials: BadCredentials | null;
  /** Keys the HMAC that names BYO keys in facts. */
  readonly installationSecret: Secret;
}

/** Credential → principal. A BYO key is passed on unchanged and known by a keyed fingerprint only. */
export class IdentifyStage implements Stage {
  readonly name = 'identify';
  readonly phase = 'identify';
  readonly #settings: IdentifySettings;
  readonly #lane = new UnknownLane();

  constructor(settings: IdentifySettings) {
    this.#settings = settings;
  }

  run(exchange: Exchange): StageResult | Promise<StageResult> {
    const { staticKeys, virtualKeys, byo, open } = this.#settings;
    const provider = exchange.provider!;
    const found = readCredentials(exchange.req.rawHeaders, exchange.target!.query, provider.scheme.name);
    if (found instanceof Refusal) return found;
    let own: string | null = null;
    let known: Principal | Refusal | null = null;
    for (const value of found) {
      const fixed = staticKeys.find(value);
      if (fixed === null && !virtualKeys.looksOwn(value)) continue;
      if (own !== null) return new Refusal('ambiguous_credentials');
      own = value;
      known = fixed;
    }
    if (own !== null) return this.#identifyOwn(exchange, own, known ?? virtualKeys.known(own));
    if (open && (provider.keys.length > 0 || provider.scheme.name === 'none')) {
      exchange.principal = ANYBODY;
      return undefined;
    }
    if (!byo || this.#holdsOwn(exchange.req.rawHeaders)) return this.#refuseKey(exchange, found.length > 0);
    exchange.principal = this.#byoPrincipal(found);
    return undefined;
  }

  /**
   * A key of ours in a form that is no credential here (`Authorization: Token …`,
   * a field of another scheme): it must not reach a provider either.
   */
  #holdsOwn(rawHeaders: readonly string[]): boolean {
    const { staticKeys, virtualKeys } = this.#settings;
    for (let i = 0; i < rawHeaders.length; i += 2) {
      if (!CREDENTIAL_FIELDS.has(rawHeaders[i]!.toLowerCase())) continue;
      for (const word of rawHeaders[i + 1]!.split(/[\s,]+/)) {
        if (virtualKeys.looksOwn(word) || staticKeys.find(word) !== null) return true;
      }
    }
    return false;
  }

  /** @param known what is known about this very key without looking closer, or null. */
  #identifyOwn(
    exchange: Exchange,
    value: string,
    known: Principal | Refusal | null,
  ): StageResult | Promise<StageResult> {
    if (known !== null) {
      if (known instanceof Refusal) this.#settings.badCredentials?.charge(exchange.address);
      return take(exchange, known);
    }
    return this.#lane.enter(() => this.#lookAt(exchange, value));
  }

  #lookAt(exchange: Exchange, value: string): StageResult | Promise<StageResult> {
    // The client may have left while it waited.
    if (exchange.settled) return undefined;
    const refusal = this.#settings.badCredentials?.begin(exchange.address);
    if (!(refusal instanceof Promise)) return refusal ?? this.#verify(exchange, value);
    return refusal.then(late => late ?? this.#verify(exchange, value));
  }

  #verify(exchange: Exchange, value: string): StageResult | Promise<StageResult> {
    const { virtualKeys, badCredentials: bad } = this.#settings;
    const judge = (result: Principal | Refusal): StageResult => {
      bad?.done(exchange.address, result instanceof Refusal && result.code === 'invalid_key');
      return take(exchange, result);
    };
    const verified = virtualKeys.verify(value);
    if (!(verified instanceof Promise)) return judge(verified);
    return verified.then(judge, error => {
      bad?.done(exchange.address, false);
      throw error;
    });
  }

  /** A request without any credential guesses nothing. */
  #refuseKey(exchange: Exchange, wasGiven: boolean): StageResult | Promise<StageResult> {
    const bad = wasGiven ? this.#settings.badCredentials : null;
    const refuse = (spent: Refusal | undefined): Refusal => {
      if (spent === undefined) bad?.done(exchange.address, true);
      return spent ?? new Refusal('invalid_key');
    };
    const begun = bad?.begin(exchange.address);
    return begun instanceof Promise ? begun.then(refuse) : refuse(begun);
  }

  #byoPrincipal(found: readonly string[]): Principal {
    const first = found[0];
    if (first === undefined) return NOBODY;
    const mac = createHmac('sha256', this.#settings.installationSecret.reveal()).update(first).digest('hex');
    return { ...NOBODY, auth: 'byo', keyId: `byo:${mac.slice(0, 16)}` };
  }
}

function take(exchange: Exchange, result: Principal | Refusal): StageResult {
  if (result instanceof Refusal) return result;
  exchange.principal = result;
  return undefined;
}
