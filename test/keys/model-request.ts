import type { IncomingMessage, ServerResponse } from 'node:http';
import { compileModelPatterns } from '../../lib/keys/model-patterns.ts';
import { Exchange, type Grant, OPERATIONS, type Principal } from '../../lib/pipeline/index.ts';
import { parseTarget } from '../../lib/wire/index.ts';
import { everyProvider } from '../providers/compiled.ts';

const { providers } = everyProvider();

/** A request as the proxy has it once its body is in hand. */
export interface Asked {
  /** Provider, path and query, as on the request line. POST unless said. */
  readonly target: string;
  readonly method?: string;
  /** An object is sent as JSON. */
  readonly body?: string | Buffer | object;
  /** Flat; a content type of JSON unless one is given. */
  readonly headers?: readonly string[];
  /** The body was not collected. */
  readonly isUnread?: boolean;
}

export function exchangeOf(asked: Asked): Exchange {
  const target = parseTarget(asked.target);
  if (!('segments' in target)) throw new Error(`bad target ${asked.target}`);
  const body = bytesOf(asked.body);
  const rawHeaders = [...(asked.headers ?? ['Content-Type', 'application/json'])];
  if (body !== null) rawHeaders.push('Content-Length', String(body.length));
  const headers: Record<string, string> = {};
  for (let i = 0; i < rawHeaders.length; i += 2) headers[rawHeaders[i]!.toLowerCase()] = rawHeaders[i + 1]!;
  const method = asked.method ?? 'POST';
  const req = { method, rawHeaders, headers } as Partial<IncomingMessage> as IncomingMessage;
  const exchange = new Exchange(req, {} as ServerResponse, 'i:b:1', 'r1', 0, 0);
  exchange.target = target;
  exchange.provider = providers.get(target.first)!;
  exchange.endpoint = exchange.provider.endpoint(method, target.segments);
  exchange.body = asked.isUnread === true ? null : body;
  return exchange;
}

function bytesOf(body: Asked['body']): Buffer | null {
  if (body === undefined) return null;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
}

/** The principal of a key with these patterns; null restricts nothing. */
export function principalWith(models: readonly string[] | null): Principal {
  const grant: Grant = {
    providers: null,
    operations: new Set(OPERATIONS),
    models: models === null ? null : compileModelPatterns(models),
    addresses: null,
    rpm: null,
    tpm: null,
    concurrency: null,
    bodyBytes: null,
    budget: null,
  };
  return {
    auth: 'static',
    subject: 's',
    keyId: 'k',
    tags: {},
    managed: true,
    grant,
    issuer: null,
    issuedMs: null,
  };
}

/** A form of text fields, each with its value. */
export function formOf(
  fields: readonly (readonly [name: string, value: string])[],
): Asked & { body: string } {
  const parts = fields.map(
    ([name, value]) => `--B7\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
  );
  return {
    target: '/openai/v1/audio/transcriptions',
    headers: ['Content-Type', 'multipart/form-data; boundary=B7'],
    body: `${parts.join('')}--B7--\r\n`,
  };
}
