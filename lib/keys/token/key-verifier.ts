import { hash, type KeyObject } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Clock } from '../../base/index.ts';
import { ClaimProblem, readClaims, type TokenClaims } from './claims.ts';
import { importPublicKey, verifySignature } from './ed25519.ts';
import { KeyFault } from './key-fault.ts';
import { KEY_CHARS_MAX, ownKeyForm } from './key-form.ts';
import { decodePublicKey } from './paserk.ts';
import { signedBytes } from './paseto.ts';
import { readPayload } from './payload.ts';
import { publicKeyId } from './public-key-id.ts';
import { SignatureGate } from './signature-gate.ts';
import { type KeyParts, splitKey, tooLong } from './split-key.ts';

/** Who may sign keys. */
export interface Issuer {
  /** `k4.public.…`, with nothing for `checkPublicKey` to say. */
  readonly publicKey: string;
  /** What the claim `iss` must then be. */
  readonly issuer?: string;
  /** Longest time from `iat` to `exp`. */
  readonly maxLifetimeMs: number;
}

/** A key whose signature is good and whose claims hold here. Whether it is in force is judged at every use. */
export interface VerifiedKey extends TokenClaims {
  /** PASERK id of the key that signed it. */
  readonly issuer: string;
}

export interface KeyVerifierOptions<T extends object> {
  /** No public key twice. */
  readonly issuers: readonly Issuer[];
  /** Prefixes that keys may have; each passes `isKeyPrefix`. */
  readonly prefixes: readonly string[];
  /** What the claim `aud` must be; with null a key that has one is meant for somebody else. */
  readonly audience: string | null;
  readonly clock: Clock;
  /** Whether a budget that a key brings is kept to; where it is not such a key is refused. Default true. */
  readonly keepsBudgets?: boolean;
  /** Makes of a verified key what is remembered of it and given for it. Called once for a key while it is remembered. */
  readonly admit: (key: VerifiedKey) => T;
  /** By how much clocks may differ. */
  readonly leewayMs?: number;
  /** Keys remembered at most. */
  readonly cacheEntries?: number;
  /** Signatures checked a second; past that keys that are not remembered are `busy`. */
  readonly checksPerSecond?: number;
  /** Checks an Ed25519 signature. */
  readonly checkSignature?: typeof verifySignature;
}

interface TrustedIssuer extends Issuer {
  readonly kid: string;
  readonly key: KeyObject;
}

/** When a key is in force. */
interface Span {
  readonly startsMs: number;
  readonly expiresMs: number;
}

interface Remembered<T extends object> extends Span {
  readonly admitted: T;
}

interface Refused {
  readonly fault: KeyFault;
  readonly untilMs: number;
}

type Verdict<T extends object> = T | KeyFault;

/** Claims of a remembered key, on average at most: keys with long grants are then fewer, not more memory. */
const REMEMBERED_BYTES = 1024;
/** Refusals remembered, and for how long: a client that goes on with a retired key costs no signature each time. */
const REFUSED_ENTRIES = 4096;
const REFUSED_MS = 60_000;

/**
 * Verifies virtual keys without looking anything up (CONTRACT §3). What is
 * cheap comes first; a signature is checked once for a key while it is
 * remembered, whatever number of requests bring it at the same time. Rebuilt
 * when issuers change, so that what an issuer signed goes with it.
 */
export class KeyVerifier<T extends object> {
  readonly #issuers: ReadonlyMap<string, TrustedIssuer>;
  readonly #prefixes: ReadonlySet<string>;
  readonly #ownForm: RegExp;
  readonly #audience: string | null;
  readonly #clock: Clock;
  readonly #leewayMs: number;
  readonly #keepsBudgets: boolean;
  readonly #admit: (key: VerifiedKey) => T;
  readonly #checkSignature: typeof verifySignature;
  readonly #gate: SignatureGate;
  /** By the SHA-256 of the whole key as it was sent. */
  readonly #remembered: LRUCache<string, Remembered<T>>;
  readonly #refused = new LRUCache<string, Refused>({ max: REFUSED_ENTRIES });
  readonly #running = new Map<string, Promise<Verdict<T>>>();

  constructor(options: KeyVerifierOptions<T>) {
    this.#issuers = new Map(options.issuers.map(trust).map(issuer => [issuer.kid, issuer]));
    this.#prefixes = new Set(options.prefixes);
    this.#ownForm = ownKeyForm(options.prefixes);
    this.#audience = options.audience;
    this.#clock = options.clock;
    this.#leewayMs = options.leewayMs ?? 30_000;
    this.#keepsBudgets = options.keepsBudgets ?? true;
    this.#admit = options.admit;
    this.#checkSignature = options.checkSignature ?? verifySignature;
    this.#gate = new SignatureGate(options.clock, options.checksPerSecond ?? 2000);
    const entries = options.cacheEntries ?? 50_000;
    this.#remembered = new LRUCache({ max: entries, maxSize: entries * REMEMBERED_BYTES });
  }

  /** Whether a credential is to be taken for a key of ours, and so goes nowhere else. */
  looksOwn(value: string): boolean {
    return this.#ownForm.test(value);
  }

  /** What was found out about this very key before, and holds now; null where nothing was. Costs a hash. */
  known(value: string): Verdict<T> | null {
    return value.length > KEY_CHARS_MAX ? null : this.#recall(digestOf(value));
  }

  /** What `admit` made of the key, or why it is refused. A promise only where a signature must be checked. */
  verify(value: string): Verdict<T> | Promise<Verdict<T>> {
    if (value.length > KEY_CHARS_MAX) return tooLong();
    const digest = digestOf(value);
    return this.#recall(digest) ?? this.#running.get(digest) ?? this.#begin(value, digest);
  }

  #recall(digest: string): Verdict<T> | null {
    const remembered = this.#remembered.get(digest);
    if (remembered !== undefined) return this.#timeFault(remembered, digest) ?? remembered.admitted;
    const refused = this.#refused.get(digest);
    return refused !== undefined && this.#clock.monotonicMs() < refused.untilMs ? refused.fault : null;
  }

  #begin(value: string, digest: string): KeyFault | Promise<Verdict<T>> {
    const parts = splitKey(value);
    if (parts instanceof KeyFault) return parts;
    if (!this.#prefixes.has(parts.prefix)) return new KeyFault('malformed', 'has no accepted prefix');
    const issuer = this.#issuers.get(parts.kid);
    if (issuer === undefined) return new KeyFault('unknownIssuer', `is signed by ${parts.kid}`);
    if (!this.#gate.take()) return new KeyFault('busy', 'too many signatures to check');
    const running = this.#check(parts, issuer, digest).finally(() => this.#running.delete(digest));
    this.#running.set(digest, running);
    return running;
  }

  async #check(parts: KeyParts, issuer: TrustedIssuer, digest: string): Promise<Verdict<T>> {
    const signed = signedBytes(parts.message, parts.footer);
    const isGood = await this.#gate.run(() => this.#checkSignature(signed, issuer.key, parts.signature));
    if (!isGood) return this.#refuse(new KeyFault('badSignature', `is not signed by ${issuer.kid}`), digest);
    const claims = this.#judge(parts.message, issuer);
    if (claims instanceof ClaimProblem)
      return this.#refuse(new KeyFault('badClaims', `${claims.claim} ${claims.text}`), digest);
    const { issuedMs, notBeforeMs, expiresMs } = claims;
    const span = { startsMs: Math.max(issuedMs, notBeforeMs ?? issuedMs), expiresMs };
    const fault = this.#timeFault(span, digest);
    if (fault !== null) return fault;
    const admitted = this.#admit({ ...claims, issuer: issuer.kid });
    this.#remembered.set(digest, { ...span, admitted }, { size: parts.message.length });
    return admitted;
  }

  #judge(payload: Uint8Array, issuer: TrustedIssuer): TokenClaims | ClaimProblem {
    const members = readPayload(payload);
    if (members === null) return new ClaimProblem('payload', 'is not one JSON object with each name once');
    const claims = readClaims(members);
    if (claims instanceof ClaimProblem) return claims;
    if (claims.grant.budget !== undefined && !this.#keepsBudgets)
      return new ClaimProblem('weir.budget', 'is kept to only where usage.store keeps facts');
    if (claims.expiresMs - claims.issuedMs > issuer.maxLifetimeMs)
      return new ClaimProblem('exp', 'is further from iat than this issuer may go');
    if (claims.audience !== this.#audience) return new ClaimProblem('aud', 'does not name this gateway');
    if (issuer.issuer !== undefined && claims.issuerName !== issuer.issuer)
      return new ClaimProblem('iss', 'is not the name that goes with this signing key');
    return claims;
  }

  /** Wall clock: the times in a key are what people wrote. */
  #timeFault({ startsMs, expiresMs }: Span, digest: string): KeyFault | null {
    const nowMs = this.#clock.wallMs();
    if (nowMs < startsMs - this.#leewayMs)
      return new KeyFault('notYetValid', `begins at ${new Date(startsMs).toISOString()}`);
    if (nowMs < expiresMs + this.#leewayMs) return null;
    this.#remembered.delete(digest);
    return this.#refuse(new KeyFault('expired', `expired at ${new Date(expiresMs).toISOString()}`), digest);
  }

  #refuse(fault: KeyFault, digest: string): KeyFault {
    this.#refused.set(digest, { fault, untilMs: this.#clock.monotonicMs() + REFUSED_MS });
    return fault;
  }
}

/** Of all of it: two keys that begin alike, or say the same, are two keys. */
function digestOf(value: string): string {
  return hash('sha256', value, 'base64');
}

function trust(issuer: Issuer): TrustedIssuer {
  const key = decodePublicKey(issuer.publicKey)!;
  return { ...issuer, kid: publicKeyId(key)!, key: importPublicKey(key) };
}
