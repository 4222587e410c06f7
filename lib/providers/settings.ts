import type { Secret } from '../base/index.ts';
import { dialects } from '../dialects/index.ts';
import { AUTH_SCHEMES, type AuthSchemeName, type DrainLimit } from '../pipeline/index.ts';
import type { Catalogue } from './catalogue.ts';
import { VARIABLE_VALUE } from './origin.ts';
import { CONFIG_PRICES_SCHEMA, type PriceSettings } from './prices/rates.ts';
import type { ProviderRow } from './row.ts';

/** A pool key with more to say than its value. */
export interface KeySettings {
  readonly id?: string;
  readonly key: Secret;
  readonly weight?: number;
}

/** One entry of the config section `providers`, as the schema lets it through. */
export interface ProviderSettings {
  readonly origin?: string;
  readonly keys?: readonly (Secret | KeySettings)[];
  /** New providers only. */
  readonly dialect?: string | readonly string[];
  readonly auth?: AuthSchemeName;
  /** False switches usage injection off; true asks for it where the row does not know. */
  readonly injectUsage?: boolean;
  /** What becomes of an answer whose client leaves; absent: it is cancelled. */
  readonly disconnect?: 'cancel' | 'drain' | { readonly drain: DrainLimit };
  /** Asked before every other price of the provider. */
  readonly prices?: readonly PriceSettings[];
  /** The variables of the row's origin, by name. */
  readonly [variable: string]: unknown;
}

/** The config section `providers`. */
export type ProvidersSettings = Readonly<Record<string, ProviderSettings>>;

const SECRET = { type: 'string', secret: true };

const KEYS = {
  type: 'array',
  items: {
    anyOf: [
      SECRET,
      {
        type: 'object',
        additionalProperties: false,
        required: ['key'],
        properties: {
          id: { type: 'string', pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' },
          key: SECRET,
          weight: { type: 'integer', minimum: 1, maximum: 1000 },
        },
      },
    ],
  },
};

/** What `disconnect: drain` reads on at most. */
export const DEFAULT_DRAIN: DrainLimit = Object.freeze({ bytes: 1_048_576, ms: 30_000 });

const DISCONNECT = {
  anyOf: [
    { type: 'string', enum: ['cancel', 'drain'] },
    {
      type: 'object',
      additionalProperties: false,
      required: ['drain'],
      properties: {
        drain: {
          type: 'object',
          additionalProperties: false,
          properties: {
            bytes: { bytes: true, minimum: 1024, maximum: 1_073_741_824, default: DEFAULT_DRAIN.bytes },
            ms: { duration: true, minimum: 1000, maximum: 3_600_000, default: DEFAULT_DRAIN.ms },
          },
        },
      },
    },
  ],
};

const SHARED_MEMBERS = {
  origin: { type: 'string' },
  keys: KEYS,
  auth: { type: 'string', enum: AUTH_SCHEMES },
  injectUsage: { type: 'boolean' },
  disconnect: DISCONNECT,
  prices: CONFIG_PRICES_SCHEMA,
};

/**
 * JSON Schema of the config section `providers`: known names with their own
 * members, so that a slip in one can be told, and new ones in one line.
 */
export function providersSchema(catalogue: Catalogue): object {
  const family = { type: 'string', enum: [...dialects.keys()] };
  return {
    type: 'object',
    properties: Object.fromEntries([...catalogue.rows].map(([name, row]) => [name, knownSchema(row)])),
    additionalProperties: {
      type: 'object',
      additionalProperties: false,
      required: ['origin', 'dialect'],
      properties: {
        ...SHARED_MEMBERS,
        dialect: { anyOf: [family, { type: 'array', items: family, minItems: 1, uniqueItems: true }] },
      },
    },
  };
}

function knownSchema(row: ProviderRow): object {
  const variable = { type: 'string', pattern: VARIABLE_VALUE.source };
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      ...SHARED_MEMBERS,
      ...Object.fromEntries((row.variables ?? []).map(name => [name, variable])),
    },
  };
}
