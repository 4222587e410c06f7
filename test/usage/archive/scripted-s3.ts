import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { Test } from 'tap';
import { Secret } from '../../../lib/base/index.ts';
import type { S3Settings } from '../../../lib/usage/archive/settings.ts';
import { Changes } from '../../deadline/index.ts';
import { sigv4Fault } from './verify-sigv4.ts';

export const BUCKET = 'usage-archive';
const CREDENTIALS = { accessKeyId: 'AKIDARCHIVE', secretAccessKey: 'a/secret+key', region: 'eu-west-1' };
const SKEW_MS = 900_000;

/** How a request goes: well, with a status and the word of an error, without an answer, or broken off halfway. */
export type Course = 'well' | 'stall' | 'cut' | { readonly status: number; readonly code: string };

/** An S3-compatible store in memory that believes nothing it is told: signature, date, size and both hashes are checked. */
export class ScriptedS3 {
  readonly objects = new Map<string, Buffer>();
  /** As they came, `PUT 2026-10/manifest.json`; refused ones too. */
  readonly log: string[] = [];
  readonly changes = new Changes();
  url = '';
  /** Can be changed at any time. */
  course: (request: string) => Course = () => 'well';

  static async start(t: Test): Promise<ScriptedS3> {
    const s3 = new ScriptedS3();
    const server = createServer((request, response) => s3.#take(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    s3.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    return s3;
  }

  settings(more: Partial<S3Settings> = {}): S3Settings {
    return {
      endpoint: this.url,
      region: CREDENTIALS.region,
      bucket: BUCKET,
      prefix: 'weir/',
      accessKeyId: new Secret(CREDENTIALS.accessKeyId),
      secretAccessKey: new Secret(CREDENTIALS.secretAccessKey),
      pathStyle: true,
      ...more,
    };
  }

  /** Keys below the prefix. */
  get keys(): string[] {
    return [...this.objects.keys()].sort();
  }

  puts(pattern: RegExp): string[] {
    return this.log.filter(line => line.startsWith('PUT ') && pattern.test(line));
  }

  /** What lies below a period, as a folder. */
  download(period: string, folder: string): void {
    for (const [key, body] of this.objects) {
      if (!key.startsWith(`${period}/`)) continue;
      mkdirSync(dirname(join(folder, key)), { recursive: true });
      writeFileSync(join(folder, key), body);
    }
  }

  #take(request: IncomingMessage, response: ServerResponse): void {
    const prefix = `/${BUCKET}/weir/`;
    const key = request.url!.startsWith(prefix) ? request.url!.slice(prefix.length) : null;
    const name = `${request.method} ${key}`;
    const course = this.course(name);
    this.log.push(name);
    if (course === 'cut') request.once('data', () => request.socket.destroy());
    const chunks: Buffer[] = [];
    if (course !== 'stall') request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (course === 'cut') request.socket.destroy();
      else if (course !== 'stall') this.#answer(request, response, key, Buffer.concat(chunks), course);
      this.changes.notify();
    });
    this.changes.notify();
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    key: string | null,
    body: Buffer,
    course: 'well' | Exclude<Course, string>,
  ): void {
    const refuse = (status: number, code: string): void => {
      const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>not to be repeated</Message></Error>`;
      response.writeHead(status, { 'content-type': 'application/xml' }).end(text);
    };
    const fault = this.#fault(request, body);
    const object = key === null ? undefined : this.objects.get(key);
    if (course !== 'well') refuse(course.status, course.code);
    else if (fault !== null) refuse(403, fault);
    else if (request.method === 'PUT' && key !== null) {
      this.objects.set(key, body);
      response.writeHead(200, { etag: '"x"' }).end();
    } else if (object === undefined) refuse(404, 'NoSuchKey');
    else {
      response.writeHead(200, { 'content-length': object.length });
      response.end(request.method === 'HEAD' ? undefined : object);
    }
  }

  #fault({ headers, ...request }: IncomingMessage, body: Buffer): string | null {
    const { method, url } = request;
    if (sigv4Fault({ method, url, headers } as IncomingMessage, CREDENTIALS) !== null)
      return 'SignatureDoesNotMatch';
    const date = String(headers['x-amz-date']).replace(
      /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/,
      '$1-$2-$3T$4:$5:$6Z',
    );
    if (!(Math.abs(Date.parse(date) - Date.now()) < SKEW_MS)) return 'RequestTimeTooSkewed';
    if (headers['x-amz-content-sha256'] !== createHash('sha256').update(body).digest('hex'))
      return 'XAmzContentSHA256Mismatch';
    if (method !== 'PUT') return null;
    if (headers['content-md5'] !== createHash('md5').update(body).digest('base64')) return 'BadDigest';
    return Number(headers['content-length']) === body.length ? null : 'IncompleteBody';
  }
}
