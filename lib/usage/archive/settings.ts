import type { Secret } from '../../base/index.ts';
import type { ExportFormat } from '../export/fact-file.ts';

export interface S3Settings {
  /** `https://s3.eu-west-1.amazonaws.com`, without a path. */
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  /** In front of the key of every object; empty, or ends in `/`. */
  readonly prefix: string;
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  /** The bucket stands in the path and not in the host name. */
  readonly pathStyle: boolean;
}

export interface ArchiveSettings {
  readonly s3: S3Settings;
  readonly every: 'day' | 'month';
  readonly format: ExportFormat;
  /** A `k4.secret.…` that signs the manifests. */
  readonly sign?: Secret;
  /** Where a period lies until it is shipped. */
  readonly folder: string;
}

/** The JSON Schema of `usage.archive`. */
export const archiveSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['s3'],
  properties: {
    s3: {
      type: 'object',
      additionalProperties: false,
      required: ['endpoint', 'region', 'bucket', 'accessKeyId', 'secretAccessKey'],
      properties: {
        endpoint: {
          type: 'string',
          pattern: '^https?://[A-Za-z0-9.\\[\\]:-]{1,255}$',
          expects: 'an address without a path such as https://s3.eu-west-1.amazonaws.com',
        },
        region: { type: 'string', pattern: '^[a-z0-9-]{1,64}$' },
        bucket: { type: 'string', pattern: '^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$' },
        prefix: {
          type: 'string',
          maxLength: 512,
          pattern: '^(?:[A-Za-z0-9][A-Za-z0-9._-]*/)*$',
          expects: 'folders such as weir/prod/',
          default: 'weir/',
        },
        accessKeyId: { type: 'string', secret: true },
        secretAccessKey: { type: 'string', secret: true },
        pathStyle: { type: 'boolean', default: false },
      },
    },
    every: { enum: ['day', 'month'], default: 'month' },
    format: { enum: ['parquet', 'csv', 'ndjson'], default: 'parquet' },
    sign: { type: 'string', secret: true },
    folder: { type: 'string', minLength: 1, path: true, default: './data/archive' },
  },
};
