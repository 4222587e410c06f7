import { ConfigReader, type ConfigResult } from '../../lib/config/index.ts';

const SECRET = { secret: true };

/** A schema with one of everything the reader knows. */
export const SCHEMA = {
  type: 'object',
  $defs: {
    keys: {
      type: 'array',
      items: {
        anyOf: [
          SECRET,
          {
            type: 'object',
            required: ['key'],
            properties: {
              id: { type: 'string', pattern: '^[a-z]+$', expects: 'lower-case letters' },
              key: SECRET,
              weight: { type: 'integer', minimum: 1, maximum: 1000, default: 1 },
            },
          },
        ],
      },
    },
  },
  properties: {
    listen: {
      type: 'object',
      default: {},
      properties: {
        host: { type: 'string', minLength: 1, default: '127.0.0.1' },
        port: { type: 'integer', minimum: 0, maximum: 65535, default: 8787 },
        workers: { oneOf: [{ const: 'auto' }, { type: 'integer', minimum: 1 }], default: 'auto' },
        path: { path: true },
        hosts: { type: 'array', items: { type: 'string' }, uniqueItems: true },
        tls: { type: 'object', required: ['cert', 'key'], properties: { cert: { text: true }, key: SECRET } },
      },
    },
    origins: {
      type: 'object',
      propertyNames: { pattern: '^[a-z][a-z0-9-]*$', expects: 'lower-case letters' },
      properties: { river: { type: 'object', properties: { keys: { $ref: '#/$defs/keys' } } } },
      additionalProperties: {
        type: 'object',
        required: ['url', 'dialect'],
        properties: {
          url: { type: 'string' },
          dialect: { enum: ['alpha', 'beta'] },
          keys: { $ref: '#/$defs/keys' },
        },
      },
    },
    limits: {
      type: 'object',
      properties: {
        bodyBytes: { bytes: true, minimum: 1024, maximum: 2 ** 30, default: '32MiB' },
        inflight: { type: 'integer', minimum: 1, default: 4000 },
      },
    },
    usage: {
      type: 'object',
      properties: {
        fsync: { duration: true, maximum: 60_000, default: '1s' },
        store: { path: 'sqlite:' },
        onFull: { enum: ['serve', 'refuse'], default: 'serve' },
        tags: { type: 'object', maxProperties: 3, additionalProperties: { type: 'string' } },
      },
    },
    sink: {
      oneOf: [
        {
          type: 'object',
          required: ['kind', 'to'],
          properties: { kind: { const: 'file' }, to: { path: true } },
        },
        {
          type: 'object',
          required: ['kind'],
          properties: { kind: { const: 'hook' }, token: SECRET, waitMs: { duration: true, default: 500 } },
        },
      ],
    },
    access: {
      type: 'object',
      properties: { open: { type: 'boolean' }, list: { type: 'array' }, admin: { type: 'boolean' } },
      anyOf: [{ required: ['open'] }, { required: ['list'] }],
      not: { required: ['open', 'admin'] },
      dependentRequired: { admin: ['list'] },
    },
  },
};

export const reader = new ConfigReader<Record<string, unknown>>(SCHEMA);

export const ENV = { RIVER_KEY: 'env-secret-value', SPARE_KEY: 'other-secret-value', EMPTY_KEY: '' };
export const CONTEXT = { file: 'weir.yaml', baseDir: '/etc/weir', env: ENV };

export function readText(text: string): ConfigResult<Record<string, unknown>> {
  return reader.readText(text, CONTEXT);
}

export function readObject(value: unknown): ConfigResult<Record<string, unknown>> {
  return reader.readObject(value, { ...CONTEXT, file: null });
}

/** `line:column path: message (suggestion)` of each problem. */
export function summary(result: ConfigResult<unknown>): string[] {
  if (result.ok) return [];
  return result.problems.map(({ line, column, path, message, suggestion }) => {
    const position = line === null ? '' : `${line}:${column} `;
    return `${position}${path}: ${message}${suggestion === null ? '' : ` (${suggestion})`}`;
  });
}
