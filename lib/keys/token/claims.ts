import { OPERATIONS, type Operation } from '../../pipeline/index.ts';
import { isAddressRange } from './address-range.ts';
import { parseInstant } from './instant.ts';

/** What a key may do, as its claims say it. An absent list is no restriction (operations: the default set), an empty one allows nothing. */
export interface KeyGrant {
  readonly providers?: readonly string[];
  /** Patterns: `*` any characters, `?` one. */
  readonly models?: readonly string[];
  readonly operations?: readonly Operation[];
  /** Requests a minute. */
  readonly rpm?: number;
  /** Tokens a minute. */
  readonly tpm?: number;
  /** Requests at a time. */
  readonly concurrency?: number;
  /** Addresses and CIDR ranges it may be used from. */
  readonly ips?: readonly string[];
  /** Bytes of a request body. */
  readonly bodyBytes?: number;
}

/** What a key says of itself (CONTRACT §3). Well-formed, which is not yet to be believed or in force. */
export interface TokenClaims {
  /** `jti`. */
  readonly keyId: string;
  /** `sub`. */
  readonly subject: string;
  /** `iss`. */
  readonly issuerName: string | null;
  /** `aud`. */
  readonly audience: string | null;
  /** Unix time in milliseconds, as are the others. */
  readonly issuedMs: number;
  readonly expiresMs: number;
  readonly notBeforeMs: number | null;
  readonly grant: KeyGrant;
  readonly tags: Readonly<Record<string, string>>;
}

/** The members of a JSON object, by name; `weir` and its `tags` are such maps too. No name stands in it twice. */
export type Members = ReadonlyMap<string, unknown>;

/** Which claim is wrong (`exp`, `weir.rpm`), and a text that completes "<claim> …". */
export class ClaimProblem {
  readonly claim: string;
  readonly text: string;

  constructor(claim: string, text: string) {
    this.claim = claim;
    this.text = text;
  }
}

const CLAIMS: ReadonlySet<string> = new Set(['sub', 'jti', 'iat', 'exp', 'nbf', 'iss', 'aud', 'weir']);
const WEIR_MEMBERS: ReadonlySet<string> = new Set([
  'providers',
  'models',
  'operations',
  'rpm',
  'tpm',
  'concurrency',
  'ips',
  'tags',
  'bodyBytes',
]);

const KEY_ID_CHARS_MAX = 128;
const NAME_CHARS_MAX = 256;
const TAGS_MAX = 32;

const PROVIDER = /^[a-z0-9][a-z0-9-]{0,31}$/;
const TAG_NAME = /^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$/;
/** They would end a line of a log or a header field. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

const OPERATION_NAMES: ReadonlySet<string> = new Set(OPERATIONS);

/**
 * Reads the claims of a key, or says what is wrong with them. Strict: a member
 * that is not known may be a limit that would not be enforced.
 */
export function readClaims(members: Members): TokenClaims | ClaimProblem {
  const top = new MemberReader(members, CLAIMS, '');
  const weir = new MemberReader(top.object('weir'), WEIR_MEMBERS, 'weir.');
  const subject = top.text('sub', NAME_CHARS_MAX);
  const keyId = top.text('jti', KEY_ID_CHARS_MAX);
  const issuedMs = top.instant('iat');
  const expiresMs = top.instant('exp');
  const notBeforeMs = top.instant('nbf') ?? null;
  const issuerName = top.text('iss', NAME_CHARS_MAX) ?? null;
  const audience = top.text('aud', NAME_CHARS_MAX) ?? null;
  const grant = readGrant(weir);
  const tags = readTags(weir);
  const problem = top.problem ?? weir.problem;
  if (problem !== null) return problem;
  if (subject === undefined) return new ClaimProblem('sub', 'is missing');
  if (keyId === undefined) return new ClaimProblem('jti', 'is missing');
  if (issuedMs === undefined) return new ClaimProblem('iat', 'is missing');
  if (expiresMs === undefined) return new ClaimProblem('exp', 'is missing');
  const startsMs = Math.max(issuedMs, notBeforeMs ?? issuedMs);
  if (expiresMs <= startsMs) return new ClaimProblem('exp', 'is not after the time at which the key begins');
  return { keyId, subject, issuerName, audience, issuedMs, expiresMs, notBeforeMs, grant, tags };
}

function readGrant(weir: MemberReader): KeyGrant {
  const providers = weir.list('providers', text => PROVIDER.test(text), 'names of providers');
  const models = weir.list('models', isPlainText, `patterns of 1 to ${NAME_CHARS_MAX} characters`);
  const operations = weir.list('operations', text => OPERATION_NAMES.has(text), OPERATIONS.join(', '));
  const ips = weir.list('ips', isAddressRange, 'addresses or ranges such as 10.0.0.0/8');
  const rpm = weir.count('rpm');
  const tpm = weir.count('tpm');
  const concurrency = weir.count('concurrency');
  const bodyBytes = weir.count('bodyBytes');
  return {
    ...(providers === undefined ? {} : { providers }),
    ...(models === undefined ? {} : { models }),
    ...(operations === undefined ? {} : { operations: operations as Operation[] }),
    ...(rpm === undefined ? {} : { rpm }),
    ...(tpm === undefined ? {} : { tpm }),
    ...(concurrency === undefined ? {} : { concurrency }),
    ...(ips === undefined ? {} : { ips }),
    ...(bodyBytes === undefined ? {} : { bodyBytes }),
  };
}

function readTags(weir: MemberReader): Readonly<Record<string, string>> {
  const tags = [...weir.object('tags')];
  if (tags.length > TAGS_MAX) weir.refuse('tags', `holds more than ${TAGS_MAX}`);
  for (const [name, value] of tags) {
    if (!TAG_NAME.test(name)) {
      weir.refuse(
        'tags',
        'has a name that is not 1 to 64 letters, digits and _ . : / - with a letter or digit first',
      );
    } else if (!isPlainText(value)) {
      weir.refuse('tags', `has no plain text of 1 to ${NAME_CHARS_MAX} characters under ${name}`);
    }
  }
  return Object.freeze(Object.fromEntries(tags)) as Readonly<Record<string, string>>;
}

function isPlainText(value: unknown, charsMax = NAME_CHARS_MAX): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= charsMax &&
    value.isWellFormed() &&
    !CONTROL.test(value)
  );
}

/** Reads members one by one and keeps the first thing that is wrong. What it then gives means nothing. */
class MemberReader {
  problem: ClaimProblem | null = null;
  readonly #members: Members;
  readonly #path: string;

  constructor(members: Members, known: ReadonlySet<string>, path: string) {
    this.#members = members;
    this.#path = path;
    for (const name of members.keys()) {
      if (name === 'budget') this.refuse(name, 'is not enforced by this version');
      else if (!known.has(name)) this.refuse(isPlainText(name, 64) ? name : 'a claim', 'is not known');
    }
  }

  refuse(claim: string, text: string): void {
    this.problem ??= new ClaimProblem(this.#path + claim, text);
  }

  object(name: string): Members {
    const value = this.#members.get(name);
    if (value instanceof Map) return value;
    if (value !== undefined) this.refuse(name, 'is not an object');
    return new Map();
  }

  text(name: string, charsMax: number): string | undefined {
    const value = this.#members.get(name);
    if (value === undefined || isPlainText(value, charsMax)) return value;
    this.refuse(name, `is not a text of 1 to ${charsMax} characters without control characters`);
    return undefined;
  }

  instant(name: string): number | undefined {
    const value = this.#members.get(name);
    const atMs = typeof value === 'string' ? parseInstant(value) : null;
    if (atMs !== null) return atMs;
    if (value !== undefined) this.refuse(name, 'is not an RFC 3339 timestamp such as 2026-01-31T12:00:00Z');
    return undefined;
  }

  count(name: string): number | undefined {
    const value = this.#members.get(name);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return value;
    this.refuse(name, 'is not a whole number from 1');
    return undefined;
  }

  list(name: string, judge: (text: string) => boolean, what: string): readonly string[] | undefined {
    const value = this.#members.get(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value)) this.refuse(name, 'is not a list');
    else if (value.every(item => typeof item === 'string' && judge(item))) return value;
    else this.refuse(name, `may only hold ${what}`);
    return undefined;
  }
}
