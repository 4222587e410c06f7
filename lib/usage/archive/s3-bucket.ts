import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../../base/index.ts';
import { signS3 } from '../../providers/index.ts';
import type { S3Settings } from './settings.ts';

/** A connection on which nothing moves for so long is given up. */
const IDLE_MS = 60_000;
/** Nothing that is read is larger: a manifest, a signature, an error. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;
const EMPTY = Buffer.alloc(0);

/** What the store answered; `body` at most `ANSWER_BYTES_MAX`, cut off there. */
export interface S3Answer {
  readonly status: number;
  /** As stated, null where it is not. */
  readonly bytes: number | null;
  readonly body: Buffer;
}

export type S3Result =
  | { readonly ok: true; readonly answer: S3Answer }
  | { readonly ok: false; readonly problem: string };

/** What is put: bytes, or a file of which size and hash are known. */
export type S3Body = Buffer | { readonly path: string; readonly bytes: number; readonly sha256: string };

/** Objects of one bucket, one request after the other. Nothing rejects. */
export class S3Bucket {
  readonly #settings: S3Settings;
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #idleMs: number;

  constructor(settings: S3Settings, clock: Pick<Clock, 'wallMs'>, idleMs = IDLE_MS) {
    this.#settings = settings;
    this.#clock = clock;
    this.#idleMs = idleMs;
  }

  head(key: string): Promise<S3Result> {
    return this.#send('HEAD', key, EMPTY);
  }

  get(key: string): Promise<S3Result> {
    return this.#send('GET', key, EMPTY);
  }

  /** Stores an object; any other answer than 200 is a problem. */
  async put(key: string, body: S3Body, contentType: string): Promise<S3Result> {
    let md5: string;
    try {
      md5 = await md5Of(body);
    } catch (error) {
      return { ok: false, problem: (error as Error).message };
    }
    // Wanted by buckets with a retention period, and understood by every store.
    const result = await this.#send('PUT', key, body, { 'content-md5': md5, 'content-type': contentType });
    if (!result.ok || result.answer.status === 200) return result;
    return { ok: false, problem: problemOf(key, result.answer) };
  }

  #send(method: 'GET' | 'HEAD' | 'PUT', key: string, body: S3Body, headers: Record<string, string> = {}) {
    const { host, hostname, port, path } = objectPlace(this.#settings, key);
    const known = Buffer.isBuffer(body) ? { bytes: body.length, sha256: sha256Of(body) } : body;
    const signed = signS3({
      ...this.#settings,
      method,
      host,
      path,
      headers,
      sha256: known.sha256,
      wallMs: this.#clock.wallMs(),
    });
    if (method === 'PUT') signed['content-length'] = String(known.bytes);
    const options = { method, hostname, path, headers: signed, ...(port === null ? {} : { port }) };
    const open = this.#settings.endpoint.startsWith('https:') ? overHttps : overHttp;
    return exchange(open(options), body, this.#idleMs);
  }
}

/** Where an object is: `host` as the request names it, `port` null for the usual one. */
export function objectPlace(
  { endpoint, bucket, prefix, pathStyle }: S3Settings,
  key: string,
): { readonly host: string; readonly hostname: string; readonly port: number | null; readonly path: string } {
  const { host, hostname, port } = new URL(endpoint);
  const before = pathStyle ? '' : `${bucket}.`;
  return {
    host: before + host,
    hostname: before + hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? null : Number(port),
    path: `/${pathStyle ? `${bucket}/` : ''}${prefix}${key}`,
  };
}

function sha256Of(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function md5Of(body: S3Body): Promise<string> {
  const hash = createHash('md5');
  if (Buffer.isBuffer(body)) hash.update(body);
  else await pipeline(createReadStream(body.path), hash);
  return hash.digest('base64');
}

function exchange(request: ClientRequest, body: S3Body, idleMs: number): Promise<S3Result> {
  return new Promise(resolve => {
    const settle = (result: S3Result): void => {
      resolve(result);
      request.destroy();
    };
    const failed = (error: NodeJS.ErrnoException): void =>
      settle({ ok: false, problem: error.code ?? error.message });
    request.setTimeout(idleMs, () => failed(new Error(`nothing moved for ${idleMs} ms`)));
    request.on('error', failed);
    // It may come before the body is sent: a refusal.
    request.on('response', response => {
      readAnswer(response).then(answer => settle({ ok: true, answer }), failed);
    });
    if (Buffer.isBuffer(body)) request.end(body);
    // An error of the connection has been heard; what is left is one of the file.
    else pipeline(createReadStream(body.path), request).catch(failed);
  });
}

async function readAnswer(response: IncomingMessage): Promise<S3Answer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size > ANSWER_BYTES_MAX) break;
  }
  const stated = response.headers['content-length'];
  return {
    status: response.statusCode!,
    bytes: stated === undefined ? null : Number(stated),
    body: Buffer.concat(chunks),
  };
}

/** For operators: the status, and the store's own word for it, which is one of a published list. */
export function problemOf(key: string, { status, body }: S3Answer): string {
  const code = /<Code>([A-Za-z]{1,64})<\/Code>/.exec(body.toString('utf8'))?.[1];
  return `${key}: the bucket answered ${status}${code === undefined ? '' : ` ${code}`}`;
}
