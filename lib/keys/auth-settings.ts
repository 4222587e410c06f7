import type { Secret } from '../base/index.ts';
import { grantSchema } from './grant.ts';
import type { StaticKeySettings } from './static-keys.ts';

export interface IssuerSettings {
  /** PASERK `k4.public`. */
  readonly publicKey: string;
  /** What the keys' `iss` must be; absent: whatever it is. */
  readonly issuer?: string;
  /** The longest a key of this issuer may live, milliseconds. */
  readonly maxLifetime: number;
  /** PASERK `k4.secret`: lets the ops listener mint. */
  readonly secretKey?: Secret;
}

/** The config section `auth` (CONTRACT §2, §8). */
export interface AuthSettings {
  readonly byo?: boolean;
  readonly open: boolean;
  readonly issuers: readonly IssuerSettings[];
  /** Accepted in front of a signed key besides `weir_`. */
  readonly prefixes: readonly string[];
  /** What the keys' `aud` must be; absent: keys that state one are for somebody else. */
  readonly audience?: string;
  readonly staticKeys: readonly StaticKeySettings[];
}

const DAY_MS = 86_400_000;

const issuerSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['publicKey'],
  properties: {
    publicKey: {
      type: 'string',
      pattern: '^k4\\.public\\.[A-Za-z0-9_-]{43}$',
      expects: 'a public key as weir issuer new prints it: k4.public.…',
    },
    issuer: { type: 'string', minLength: 1, maxLength: 128 },
    maxLifetime: { duration: true, minimum: 60_000, maximum: 3650 * DAY_MS, default: 90 * DAY_MS },
    secretKey: { type: 'string', secret: true },
  },
};

const staticKeySchema = {
  type: 'object',
  additionalProperties: false,
  required: ['id', 'key'],
  properties: {
    id: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
    key: { type: 'string', secret: true },
    subject: { type: 'string', minLength: 1, maxLength: 128 },
    tags: {
      type: 'object',
      additionalProperties: { type: 'string', maxLength: 256 },
      maxProperties: 32,
    },
    expires: { type: 'string' },
    grant: grantSchema,
  },
};

export const authSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    byo: { type: 'boolean' },
    open: { type: 'boolean', default: false },
    issuers: { type: 'array', default: [], items: issuerSchema },
    prefixes: {
      type: 'array',
      default: [],
      maxItems: 8,
      items: {
        type: 'string',
        pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{1,30}[_-]$',
        expects: 'letters, digits, _ and -, at least 3 of them, with _ or - at the end, such as sk-weir-',
      },
    },
    audience: { type: 'string', minLength: 1, maxLength: 128 },
    staticKeys: { type: 'array', default: [], items: staticKeySchema },
  },
};
