import aws4 from 'aws4';
import type { Secret } from '../../base/index.ts';

export interface S3Request {
  readonly method: 'GET' | 'HEAD' | 'PUT';
  /** As in the field `host`: with a port that is not the usual one. */
  readonly host: string;
  /** As sent, percent-encoded; without a query. */
  readonly path: string;
  /** Besides those of the signature; all of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  /** Of the body, hexadecimal. */
  readonly sha256: string;
  readonly region: string;
  readonly accessKeyId: Secret;
  readonly secretAccessKey: Secret;
  /** Unix time in milliseconds. */
  readonly wallMs: number;
}

/**
 * The headers of a request to an S3-compatible store, signed with AWS Signature
 * Version 4. Other than for every other service the path is signed as it is
 * sent, and the body's hash is stated and checked by the store.
 */
export function signS3({ sha256, wallMs, headers, ...request }: S3Request): Record<string, string> {
  const signed = aws4.sign(
    {
      service: 's3',
      method: request.method,
      host: request.host,
      path: request.path,
      region: request.region,
      headers: {
        ...headers,
        Host: request.host,
        'X-Amz-Date': new Date(wallMs).toISOString().replace(/[:-]|\.\d{3}/g, ''),
        'X-Amz-Content-Sha256': sha256,
      },
    },
    { accessKeyId: request.accessKeyId.reveal(), secretAccessKey: request.secretAccessKey.reveal() },
  );
  return signed.headers as Record<string, string>;
}
