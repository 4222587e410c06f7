import { createHash, createHmac } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import t from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import { type S3Request, signS3 } from '../../../lib/providers/index.ts';
import { importPackage, toolTest } from '../../tools/tool-run.ts';
import { sigv4Fault } from '../../usage/archive/verify-sigv4.ts';

/** The credentials of the examples that AWS publishes. */
const EXAMPLE = {
  accessKeyId: new Secret('AKIAIOSFODNN7EXAMPLE'),
  secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'),
  region: 'us-east-1',
  wallMs: Date.UTC(2013, 4, 24),
};

const CREDENTIALS = {
  accessKeyId: EXAMPLE.accessKeyId.reveal(),
  secretAccessKey: EXAMPLE.secretAccessKey.reveal(),
  region: EXAMPLE.region,
};

function signatureOf(headers: Readonly<Record<string, string>>): string {
  return /Signature=(.*)$/.exec(headers.Authorization!)![1]!;
}

t.test('the example of AWS: a PUT', async t => {
  const signed = signS3({
    ...EXAMPLE,
    method: 'PUT',
    host: 'examplebucket.s3.amazonaws.com',
    path: '/test%24file.text',
    headers: { date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    sha256: createHash('sha256').update('Welcome to Amazon S3.').digest('hex'),
  });
  t.equal(signed['X-Amz-Date'], '20130524T000000Z');
  t.equal(signatureOf(signed), '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd');
});

const PUT: S3Request = {
  ...EXAMPLE,
  method: 'PUT',
  host: '127.0.0.1:9000',
  path: '/the.bucket/weir/2026-10/facts-0001.0123456789abcdef.parquet',
  headers: { 'content-md5': 'rL0Y20zC+Fzt72VPzMSk2A==', 'content-type': 'text/csv; charset=utf-8' },
  sha256: createHash('sha256').update('x').digest('hex'),
};

t.test('the reader of the specification knows the example of AWS: a GET with a range', async t => {
  const headers = {
    host: 'examplebucket.s3.amazonaws.com',
    range: 'bytes=0-9',
    'x-amz-content-sha256': createHash('sha256').digest('hex'),
    'x-amz-date': '20130524T000000Z',
    authorization: [
      'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request',
      'SignedHeaders=host;range;x-amz-content-sha256;x-amz-date',
      'Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
    ].join(', '),
  };
  const request = { method: 'GET', url: '/test.txt', headers } as unknown as IncomingMessage;
  t.equal(sigv4Fault(request, CREDENTIALS), null);
});

t.test('a reader of the specification of our own agrees, and sees every change', async t => {
  const signed = signS3(PUT);
  const headers = Object.fromEntries(
    Object.entries(signed).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const request = { method: 'PUT', url: PUT.path, headers };
  const fault = (changed: object): string | null =>
    sigv4Fault({ ...request, ...changed } as unknown as IncomingMessage, CREDENTIALS);
  t.equal(fault({}), null);
  t.ok(fault({ method: 'GET' }));
  t.ok(fault({ url: `${PUT.path}x` }));
  for (const name of Object.keys(headers))
    t.ok(fault({ headers: { ...headers, [name]: `${headers[name]}1` } }), name);
});

interface SmithySigner {
  sign(request: object, options: object): Promise<{ readonly headers: Readonly<Record<string, string>> }>;
}

class Sha256 {
  readonly #hash;

  constructor(secret?: Uint8Array | string) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret);
  }

  update(data: Uint8Array | string): void {
    this.#hash.update(data);
  }

  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
}

toolTest(t, 'the signer of the AWS SDK makes the same signature', async t => {
  const { SignatureV4 } = (await importPackage('@smithy/signature-v4')) as {
    SignatureV4: new (options: object) => SmithySigner;
  };
  const signer = new SignatureV4({
    service: 's3',
    region: EXAMPLE.region,
    sha256: Sha256,
    // As its client for S3 sets it.
    uriEscapePath: false,
    credentials: CREDENTIALS,
  });
  const request = {
    method: 'PUT',
    protocol: 'http:',
    hostname: '127.0.0.1',
    port: 9000,
    path: PUT.path,
    headers: { ...PUT.headers, host: PUT.host, 'x-amz-content-sha256': PUT.sha256 },
  };
  const theirs = await signer.sign(request, { signingDate: new Date(PUT.wallMs) });
  t.equal(signS3(PUT).Authorization, theirs.headers.authorization);
});
