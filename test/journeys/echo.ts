import { gzipSync } from 'node:zlib';
import type { Fields } from '../raw/index.ts';
import * as up from '../upstream/index.ts';

/** How a provider repeats the key it was given. */
export interface Echo {
  /** How it spells it; as it is by default. */
  readonly spell?: (key: string) => string;
  /** The body around the spelled key. */
  readonly body?: (key: string) => string;
  /** Chunked by default; `length` states one, `close` ends with the connection. */
  readonly frame?: 'length' | 'close';
  readonly coding?: 'gzip';
}

/** The credential that a request came up with. */
function keyOf({ fields }: up.RecordedRequest): string {
  const value = (name: string): string | undefined =>
    fields.find(([candidate]) => candidate.toLowerCase() === name)?.[1];
  const found =
    value('x-amz-security-token') ??
    value('x-api-key') ??
    value('x-goog-api-key') ??
    value('authorization')?.replace('Bearer ', '');
  if (found === undefined) throw new Error('a request without a key');
  return found;
}

/** An answer that repeats the key wherever an answer can say anything: status text, fields, body, trailers. */
export function echo(
  status: number,
  { spell = key => key, body = sentence, frame, coding }: Echo = {},
): up.Script {
  return async turn => {
    const key = spell(keyOf(turn.request));
    const text = body(key);
    const data = coding === 'gzip' ? gzipSync(text) : Buffer.from(text);
    const fields: Fields = [
      ['Content-Type', 'application/json'],
      ['X-Echo-Auth', `Bearer ${key}`],
      ['X-Request-Id', `req-${key}`],
      ['Location', `http://127.0.0.1:1/elsewhere?key=${key}`],
      ['WWW-Authenticate', `Bearer realm="${key}"`],
      ...(coding === undefined ? [] : [['Content-Encoding', coding] as const]),
    ];
    const reason = `Not ${key}`;
    await turn.run(framed(status, fields, reason, data, key, frame));
  };
}

function framed(
  status: number,
  fields: Fields,
  reason: string,
  data: Buffer,
  key: string,
  frame: Echo['frame'],
): readonly up.Step[] {
  if (frame === 'length')
    return [up.head(status, [...fields, ['Content-Length', String(data.length)]], reason), up.raw(data)];
  if (frame === 'close')
    return [up.head(status, [...fields, ['Connection', 'close']], reason), up.raw(data), up.fin()];
  // In two pieces, with the cut inside the key where it is not encoded.
  const cut = Math.floor(data.length / 2);
  return [
    up.head(status, [...fields, ['Transfer-Encoding', 'chunked']], reason),
    up.chunk(data.subarray(0, cut)),
    up.chunk(data.subarray(cut)),
    up.last([['X-Trailer', key]]),
  ];
}

function sentence(key: string): string {
  return `{"error":{"message":"Incorrect API key provided: ${key}.","code":"invalid_api_key"}}`;
}
