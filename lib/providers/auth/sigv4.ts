import aws4 from 'aws4';
import { type Clock, Secret } from '../../base/index.ts';
import { Refusal } from '../../errors/index.ts';
import type { AuthScheme, OutboundRequest } from '../../pipeline/index.ts';

/** A key in this form is an IAM credential; any other is an API key, which goes as Bearer. */
const IAM_KEY = /^([A-Za-z0-9]{1,128}):([^:]+)(?::([^:]+))?$/;

/** The signer rewrites targets with other characters before it signs them, so that it would sign what is not sent. */
const SIGNABLE_TARGET = /^[0-9A-Za-z;,/?:@&=+$\-_.!~*'()%]+$/;

/** Left over from a client that signed for its own idea of the host: replaced. */
const STALE_FIELDS: ReadonlySet<string> = new Set([
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
]);

/** undici states the length itself, and a missing type is not to be signed as the signer's default. */
const UNSIGNED_LENGTH = { 'content-length': true } as const;
const UNSIGNED_LENGTH_AND_TYPE = { 'content-length': true, 'content-type': true } as const;

/**
 * AWS Signature Version 4 over method, target, host, content type, `x-amz-*`
 * fields and the whole body. The canonical path is the path as sent, each
 * segment encoded once more, as every service but S3 wants it.
 */
export class Sigv4Scheme implements AuthScheme {
  readonly name = 'sigv4';
  readonly needsBody = true;
  readonly #service: string;
  readonly #region: string | null;
  readonly #clock: Clock;

  /** Without a region nothing can be signed; API keys still go as Bearer. */
  constructor(service: string, region: string | null, clock: Clock) {
    this.#service = service;
    this.#region = region;
    this.#clock = clock;
  }

  sign(request: OutboundRequest, key: Secret): undefined | Promise<Refusal> {
    const iam = IAM_KEY.exec(key.reveal());
    if (iam === null) {
      request.headers.push('authorization', `Bearer ${key.reveal()}`);
      return undefined;
    }
    if (this.#region === null)
      return Promise.resolve(new Refusal('upstream_auth_failed', 'no region to sign for'));
    if (!SIGNABLE_TARGET.test(request.path)) return Promise.resolve(new Refusal('bad_target'));
    dropStale(request.headers);
    // Each part is as good as the whole to who knows the public one.
    for (const part of iam.slice(2)) if (part !== undefined) request.secrets.push(new Secret(part));
    request.headers.push(...this.#signature(request, this.#region, iam));
    return undefined;
  }

  #signature(request: OutboundRequest, region: string, iam: RegExpExecArray): string[] {
    const [, accessKeyId, secretAccessKey, sessionToken] = iam;
    const headers = signedFields(request.headers);
    const { headers: signed } = aws4.sign(
      {
        method: request.method,
        host: request.host,
        path: request.path,
        service: this.#service,
        region,
        headers: { ...headers, Host: request.host, 'X-Amz-Date': amzDate(this.#clock.wallMs()) },
        ...(request.body === null ? {} : { body: request.body }),
        extraHeadersToIgnore: 'content-type' in headers ? UNSIGNED_LENGTH : UNSIGNED_LENGTH_AND_TYPE,
      },
      {
        accessKeyId: accessKeyId!,
        secretAccessKey: secretAccessKey!,
        ...(sessionToken === undefined ? {} : { sessionToken }),
      },
    );
    const added = ['x-amz-date', signed['X-Amz-Date']!, 'authorization', signed.Authorization!];
    if (sessionToken !== undefined) added.push('x-amz-security-token', sessionToken);
    return added;
  }
}

/** `20260102T030405Z`. */
function amzDate(wallMs: number): string {
  return new Date(wallMs).toISOString().replace(/[:-]|\.\d{3}/g, '');
}

function dropStale(headers: string[]): void {
  for (let i = headers.length - 2; i >= 0; i -= 2) {
    if (STALE_FIELDS.has(headers[i]!.toLowerCase())) headers.splice(i, 2);
  }
}

/** Content type and `x-amz-*`, which must be signed where present; repeats are joined, as the canonical form wants. */
function signedFields(headers: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let i = 0; i < headers.length; i += 2) {
    const name = headers[i]!.toLowerCase();
    if (name !== 'content-type' && !name.startsWith('x-amz-')) continue;
    const value = headers[i + 1]!.trim();
    fields[name] = name in fields ? `${fields[name]},${value}` : value;
  }
  return fields;
}
