import type { AuthSchemeName, StreamUsagePolicy, UsageTraits } from '../pipeline/index.ts';
import { AUTH_SCHEMES } from '../pipeline/index.ts';
import { type PriceSettings, ROW_PRICES_SCHEMA } from './prices/rates.ts';

/** A documented alternative to a row's origin, for people to choose from. */
export interface OtherOrigin {
  /** What it is for: a region, an older client. */
  readonly for: string;
  readonly origin: string;
}

/** What a tool is told to use: everything after `/<provider>`. */
export interface ClientHint {
  readonly tool: string;
  /** Empty where the tool adds the whole path itself. */
  readonly base: string;
}

/** An answer by which a provider says that the key is no good. */
export interface InvalidKeyAnswer {
  readonly status: number;
  /**
   * The error's own word that the body must state (as a `code`, `type`, `status`
   * or `reason`); without it the status alone says so. Not any text of the body:
   * errors repeat what clients wrote.
   */
  readonly reason?: string;
}

/** Facts of a row that a source stated second-hand only. */
export const UNVERIFIABLE = ['origin', 'auth', 'clients', 'models'] as const;

/** One provider as its YAML file states it. A value nobody has stated is left out. */
export interface ProviderRow {
  readonly title: string;
  /** Other names people know it by; never a path. */
  readonly aliases?: readonly string[];
  /** With `{variable}` where a part comes from config. Absent: config must give it. */
  readonly origin?: string;
  /** The variables of `origin` and `otherOrigins`: members of the provider's config. */
  readonly variables?: readonly string[];
  readonly otherOrigins?: readonly OtherOrigin[];
  /** Absent only for local servers: no key, or bearer once one is configured. */
  readonly auth?: AuthSchemeName;
  /** Path prefixes (as sent upstream) that take the key in another way. */
  readonly authByPath?: Readonly<Record<string, AuthSchemeName>>;
  /** For `sigv4`: the service name in the signature. */
  readonly signing?: Readonly<{ service: string }>;
  /** Families in order: the first that knows a path wins, the first one words errors on unknown paths. */
  readonly dialects: readonly string[];
  /** Path prefixes that lead here without the provider's name. */
  readonly bare?: readonly string[];
  readonly streamUsage?: StreamUsagePolicy;
  readonly usage?: Partial<UsageTraits>;
  readonly prices?: readonly PriceSettings[];
  /** What a file of prices calls this provider. Absent: its own name. */
  readonly priceNames?: readonly string[];
  readonly rewriteUrlHeaders?: readonly string[];
  readonly requestIdHeaders?: readonly string[];
  /** Absent: 401 and 402. */
  readonly invalidKey?: readonly InvalidKeyAnswer[];
  /** The path, asked with GET, that lists models. */
  readonly models?: string;
  readonly clients: readonly ClientHint[];
  /** A server on the operator's own machines. */
  readonly local?: boolean;
  /** Its origin is the scripted server of this package. */
  readonly scripted?: boolean;
  readonly unverified?: readonly (typeof UNVERIFIABLE)[number][];
  /** What a user should know beforehand. */
  readonly notes?: readonly string[];
  /** Where the facts are from. */
  readonly docs?: readonly string[];
}

const TEXT = { type: 'string', minLength: 1, maxLength: 200 };
const TEXTS = { type: 'array', items: TEXT, minItems: 1, uniqueItems: true };
const PATH = { type: 'string', pattern: '^(?:/[A-Za-z0-9._~{}-]+)+$' };
const CLIENT_BASE = { type: 'string', pattern: '^(?:/[A-Za-z0-9._~{}-]+)*$' };
const FIELD_NAMES = {
  type: 'array',
  items: { type: 'string', pattern: '^[a-z0-9]+(?:-[a-z0-9]+)*$' },
  minItems: 1,
  uniqueItems: true,
};
const ORIGIN = { type: 'string', pattern: '^https?://[a-z0-9.{}A-Z-]+(?::[0-9]{1,5})?$' };
const SCHEME = { type: 'string', enum: AUTH_SCHEMES };

/** JSON Schema of a row file. Unknown keys are refused. */
export const ROW_SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['title', 'dialects', 'clients'],
  properties: {
    title: TEXT,
    aliases: TEXTS,
    origin: ORIGIN,
    variables: {
      type: 'array',
      items: { type: 'string', pattern: '^[a-z][A-Za-z]*$' },
      minItems: 1,
      uniqueItems: true,
    },
    otherOrigins: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['for', 'origin'],
        properties: { for: TEXT, origin: ORIGIN },
      },
    },
    auth: SCHEME,
    authByPath: {
      type: 'object',
      minProperties: 1,
      propertyNames: PATH,
      additionalProperties: SCHEME,
    },
    signing: {
      type: 'object',
      additionalProperties: false,
      required: ['service'],
      properties: { service: TEXT },
    },
    dialects: TEXTS,
    bare: { type: 'array', items: PATH, minItems: 1, uniqueItems: true },
    streamUsage: { type: 'string', enum: ['opt-in', 'auto', 'reject', 'unknown'] },
    usage: {
      type: 'object',
      additionalProperties: false,
      minProperties: 1,
      properties: {
        reasoningOutsideOutput: { type: 'boolean' },
        outputIsTotalMinusInput: { type: 'boolean' },
      },
    },
    prices: ROW_PRICES_SCHEMA,
    priceNames: TEXTS,
    rewriteUrlHeaders: FIELD_NAMES,
    requestIdHeaders: FIELD_NAMES,
    invalidKey: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['status'],
        properties: { status: { type: 'integer', minimum: 400, maximum: 599 }, reason: TEXT },
      },
    },
    models: PATH,
    clients: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['tool', 'base'],
        properties: { tool: TEXT, base: CLIENT_BASE },
      },
    },
    local: { const: true },
    scripted: { const: true },
    unverified: {
      type: 'array',
      items: { type: 'string', enum: UNVERIFIABLE },
      minItems: 1,
      uniqueItems: true,
    },
    notes: TEXTS,
    docs: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: { type: 'string', pattern: '^https://[!-~]+$' },
    },
  },
};
