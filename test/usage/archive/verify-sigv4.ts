import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})$/;
const MUST_BE_SIGNED = ['host', 'x-amz-content-sha256', 'x-amz-date'];

/** Whether a request without a query bears the signature it should, straight from the specification of AWS Signature Version 4 for S3; else what is wrong. */
export function sigv4Fault(request: IncomingMessage, credentials: Credentials): string | null {
  const match = AUTHORIZATION.exec(request.headers.authorization ?? '');
  if (match === null) return 'no authorization of the right form';
  const [, keyId, day, region, list, signature] = match;
  if (keyId !== credentials.accessKeyId || region !== credentials.region) return 'another scope';
  const names = list!.split(';');
  if ([...names].sort().join(';') !== list) return 'signed headers out of order';
  const sent = Object.keys(request.headers).filter(
    name => name.startsWith('x-amz-') || name === 'content-md5',
  );
  const missing = [...MUST_BE_SIGNED, ...sent].find(name => !names.includes(name));
  if (missing !== undefined) return `${missing} is not signed`;
  const date = String(request.headers['x-amz-date']);
  if (!date.startsWith(day!)) return 'another day';
  const canonical = [
    request.method,
    request.url,
    '',
    ...names.map(name => `${name}:${String(request.headers[name]).trim()}`),
    '',
    list,
    request.headers['x-amz-content-sha256'],
  ].join('\n');
  const scope = `${day}/${region}/s3/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n');
  const key = [day!, region!, 's3', 'aws4_request'].reduce<string | Buffer>(
    (secret, part) => createHmac('sha256', secret).update(part).digest(),
    `AWS4${credentials.secretAccessKey}`,
  );
  const expected = createHmac('sha256', key).update(toSign).digest('hex');
  return expected === signature ? null : 'the signature does not match';
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
