import nacl from 'tweetnacl';
import type { Operation } from '../../pipeline/index.ts';
import { ClaimProblem, type KeyGrant, type Members, readClaims } from './claims.ts';
import { isKeyPrefix, KEY_CHARS_MAX, USUAL_PREFIX } from './key-form.ts';
import { decodeSecretKey, encodePublicKey, encodeSecretKey, PUBLIC_KEY_BYTES } from './paserk.ts';
import { joinPaseto, signedBytes } from './paseto.ts';
import { publicKeyId } from './public-key-id.ts';

/*
 * Makes issuers and virtual keys. Nothing here or below needs Node: an issuer
 * may run in a browser, a worker or at an edge. All it asks of the platform is
 * `crypto.getRandomValues` and `TextEncoder`.
 */

export type { Operation };

const DAY_MS = 86_400_000;
/** As long as a gateway lets a key live unless its config says more for the issuer. */
export const LIFETIME_MS_MAX = 90 * DAY_MS;

const ID_BYTES = 16;

/** A signing key: the secret half for whoever mints, the public half for the gateway's config. */
export interface NewIssuer {
  /** `k4.secret.…` */
  readonly secretKey: string;
  /** `k4.public.…` */
  readonly publicKey: string;
  /** `k4.pid.…`, the name of the public key; each virtual key carries it. */
  readonly id: string;
}

/** What a new key shall be and may do. Absent lists restrict nothing (operations: the default set), empty ones allow nothing. */
export interface KeyClaims extends KeyGrant {
  /** Who it is for: 1 to 256 characters. */
  readonly subject: string;
  /** Its name, by which it can be denied: 1 to 128 characters. Without it 128 random bits in hex. */
  readonly id?: string;
  /** A Date, or RFC 3339 text. */
  readonly expires: Date | string;
  readonly notBefore?: Date | string;
  /** Claim `iss`. */
  readonly issuer?: string;
  /** Claim `aud`: the gateways it is for. */
  readonly audience?: string;
  /** At most 32; they are in every fact. */
  readonly tags?: Readonly<Record<string, string>>;
}

export interface MintOptions {
  /** In front of the token; the gateway must accept it. Default `weir_`. */
  readonly prefix?: string;
  /** When the key is issued. Default: now. */
  readonly now?: Date;
  /** Longest life; more than the gateway grants the issuer makes keys it refuses. Default 90 days. */
  readonly maxLifetimeMs?: number;
}

/** Why no key was made. The message is for people and holds no secret. */
export class MintError extends Error {
  override readonly name = 'MintError';
  /** The member of claims or options that is wrong; the message is its name and `problem`. Null where none is. */
  readonly member: string | null;
  readonly problem: string;

  constructor(member: string | null, problem: string) {
    super(member === null ? problem : `${member} ${problem}`);
    this.member = member;
    this.problem = problem;
  }
}

/** Claims that have another name here. */
const FRIENDLY_NAMES: ReadonlyMap<string, string> = new Map([
  ['sub', 'subject'],
  ['jti', 'id'],
  ['exp', 'expires'],
  ['nbf', 'notBefore'],
  ['iss', 'issuer'],
  ['aud', 'audience'],
  ['iat', 'now'],
]);

/** A new signing key from the platform's random source. */
export function newIssuer(): NewIssuer {
  const { publicKey, secretKey } = nacl.sign.keyPair.fromSeed(randomBytes(nacl.sign.seedLength));
  return {
    secretKey: encodeSecretKey(secretKey)!,
    publicKey: encodePublicKey(publicKey)!,
    id: publicKeyId(publicKey)!,
  };
}

/** The public half of a `k4.secret.…`, and its id. Throws `MintError` where the text is no whole secret key. */
export function issuerOf(secretKey: string): Omit<NewIssuer, 'secretKey'> {
  const publicKey = readSecretKey(secretKey).subarray(-PUBLIC_KEY_BYTES);
  return { publicKey: encodePublicKey(publicKey)!, id: publicKeyId(publicKey)! };
}

/**
 * A virtual key (CONTRACT §3), signed by `secretKey` (`k4.secret.…`): a prefix
 * and a PASETO `v4.public` token. Whatever the gateway would refuse for its form
 * throws `MintError` here.
 */
export function mintKey(secretKey: string, claims: KeyClaims, options: MintOptions = {}): string {
  const { prefix = USUAL_PREFIX, now = new Date(), maxLifetimeMs = LIFETIME_MS_MAX } = options;
  const signer = readSecretKey(secretKey);
  if (!isKeyPrefix(prefix))
    throw new MintError('prefix', 'is not 3 to 32 letters, digits, _ and - with _ or - at its end');
  const members = membersOf(claims, now);
  const read = readClaims(members);
  if (read instanceof ClaimProblem) throw new MintError(friendlyName(read.claim), read.text);
  if (read.expiresMs - read.issuedMs > maxLifetimeMs)
    throw new MintError('expires', `is more than ${maxLifetimeMs / DAY_MS} days after the key is issued`);
  const utf8 = new TextEncoder();
  const message = utf8.encode(JSON.stringify(members, mapsAsObjects));
  const footer = utf8.encode(JSON.stringify({ kid: publicKeyId(signer.subarray(-PUBLIC_KEY_BYTES)) }));
  const signature = nacl.sign.detached(signedBytes(message, footer), signer);
  const key = prefix + joinPaseto({ message, signature, footer });
  if (key.length > KEY_CHARS_MAX)
    throw new MintError(null, `the key would have ${key.length} characters; ${KEY_CHARS_MAX} is the most`);
  return key;
}

/** Signing with a public half that belongs to another seed gives the secret away: such a pair is no key. */
function readSecretKey(paserk: string): Uint8Array {
  const key = decodeSecretKey(paserk);
  if (key === null) throw new MintError(null, 'the secret key is not in the form k4.secret.…');
  const { secretKey } = nacl.sign.keyPair.fromSeed(key.subarray(0, nacl.sign.seedLength));
  if (secretKey.some((byte, i) => byte !== key[i]))
    throw new MintError(null, 'the secret key is damaged: its two halves do not belong together');
  return key;
}

/** The claims as the token names them. Values are judged afterwards, whatever they are. */
function membersOf(claims: KeyClaims, now: Date): Members {
  const { subject, id, expires, notBefore, issuer, audience, tags, ...grant } = claims;
  const weir = new Map<string, unknown>();
  for (const [name, value] of Object.entries(grant))
    weir.set(name, Array.isArray(value) ? [...(value as readonly unknown[])] : value);
  if (tags !== undefined) weir.set('tags', isRecord(tags) ? present(Object.entries(tags)) : tags);
  const given = present([
    ['sub', subject],
    ['jti', id === undefined ? randomId() : id],
    ['iat', timestamp(now)],
    ['exp', timestamp(expires)],
    ['nbf', timestamp(notBefore)],
    ['iss', issuer],
    ['aud', audience],
  ]);
  const limits = present(weir);
  return limits.size === 0 ? given : new Map([...given, ['weir', limits]]);
}

function friendlyName(claim: string): string {
  return FRIENDLY_NAMES.get(claim) ?? claim.replace(/^weir\./, '');
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function present(entries: Iterable<readonly [string, unknown]>): Map<string, unknown> {
  return new Map([...entries].filter(([, value]) => value !== undefined));
}

/** A Date as text; a Date that is none, and all else, is left for `readClaims` to judge. */
function timestamp(value: Date | string | undefined): unknown {
  return value instanceof Date && !Number.isNaN(value.getTime()) ? value.toISOString() : value;
}

function mapsAsObjects(_name: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

function randomId(): string {
  return [...randomBytes(ID_BYTES)].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

function randomBytes(count: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(count));
}
