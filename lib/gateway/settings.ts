import { type OpsSettings, opsSchema } from '../admin/index.ts';
import type { Secret } from '../base/index.ts';
import { type AuthSettings, authSchema } from '../keys/index.ts';
import { type LimitSettings, limitsProperties } from '../limits/index.ts';
import { type Catalogue, type ProvidersSettings, providersSchema } from '../providers/index.ts';
import type { DrainTimes, Timeouts } from '../proxy/index.ts';
import { FEATURES } from './features.ts';

/** The whole config, validated, defaults filled in, references read, frozen (CONTRACT §8). */
export interface Settings {
  readonly listen: {
    readonly host: string;
    readonly port: number;
    readonly workers: 1;
    readonly path?: string;
    readonly tls?: { readonly cert: string; readonly key: Secret };
    readonly hosts: readonly string[];
    readonly cors: readonly string[];
    /** Addresses and ranges whose `x-forwarded-for` is believed; `unix` for the peers of a unix socket. */
    readonly trustedProxies: readonly string[];
    /** Where requests may come from; empty: anywhere. */
    readonly allow: readonly string[];
  };
  /** Absent: every known provider, with the clients' own keys. */
  readonly providers?: ProvidersSettings;
  /** No config was given at all: the built-in demo is there to try. */
  readonly withoutFile?: true;
  readonly auth: AuthSettings;
  readonly limits: LimitSettings & {
    readonly bodyBytes: number;
    /** Of all bodies together that are longer than 64 KiB and must be read whole. */
    readonly bodiesInHandBytes: number;
    readonly inflight: number;
    readonly connections: number;
    readonly connectionsPerAddress: number;
    readonly badCredentialsPerAddress: number;
  };
  readonly ops?: OpsSettings;
  readonly timeouts: Timeouts;
  readonly drain: DrainTimes;
  /** The sections of features that are switched on. */
  readonly [feature: string]: unknown;
}

const HOST_NAME = '^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$';
const WEB_ORIGIN = '^https?://[A-Za-z0-9.\\[\\]:-]{1,255}$|^[a-z][a-z0-9+.-]*://[A-Za-z0-9._-]{1,255}$';

const listenSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    host: { type: 'string', minLength: 1, default: '127.0.0.1' },
    port: { type: 'integer', minimum: 0, maximum: 65535, default: 8787 },
    workers: { enum: [1], default: 1 },
    path: { type: 'string', minLength: 1, path: true },
    tls: {
      type: 'object',
      additionalProperties: false,
      required: ['cert', 'key'],
      properties: { cert: { type: 'string', text: true }, key: { type: 'string', secret: true } },
    },
    hosts: { type: 'array', items: { type: 'string', pattern: HOST_NAME }, default: [] },
    cors: { type: 'array', items: { type: 'string', pattern: WEB_ORIGIN }, default: [] },
    trustedProxies: { type: 'array', items: { type: 'string' }, default: [] },
    allow: { type: 'array', items: { type: 'string' }, default: [] },
  },
} as const;

const count = (value: number) => ({ type: 'integer', minimum: 1, maximum: 10_000_000, default: value });
const milliseconds = (value: number, minimum = 1) => ({
  duration: true,
  minimum,
  maximum: 86_400_000,
  default: value,
});

const limitsSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    bodyBytes: { bytes: true, minimum: 1024, maximum: 17_179_869_184, default: 33_554_432 },
    bodiesInHandBytes: { bytes: true, minimum: 65_536, maximum: 1_099_511_627_776, default: 536_870_912 },
    inflight: count(4000),
    connections: count(10_000),
    connectionsPerAddress: count(1024),
    badCredentialsPerAddress: count(20),
    ...limitsProperties,
  },
};

const timeoutsSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: {
    connectMs: milliseconds(5000),
    firstByteMs: milliseconds(600_000),
    idleMs: milliseconds(300_000),
    totalMs: milliseconds(3_600_000),
    headersMs: milliseconds(10_000),
    bodyIdleMs: milliseconds(30_000),
  },
};

const drainSchema = {
  type: 'object',
  additionalProperties: false,
  default: {},
  properties: { lameDuckMs: milliseconds(5000, 0), drainMs: milliseconds(300_000, 0) },
};

/** The JSON Schema of the whole config: the core's sections and one per feature. */
export function configSchema(catalogue: Catalogue): object {
  return {
    type: 'object',
    additionalProperties: false,
    properties: {
      listen: listenSchema,
      providers: providersSchema(catalogue),
      auth: authSchema,
      limits: limitsSchema,
      timeouts: timeoutsSchema,
      drain: drainSchema,
      ops: opsSchema,
      ...Object.fromEntries(FEATURES.map(feature => [feature.section, feature.schema])),
    },
  };
}
