import { type Bytes, bytes, type Fields, formatFields } from '../raw/index.ts';
import { RawClient, type RawClientTarget } from './raw-client.ts';
import type { Ending, ResponseHead } from './response.ts';

/** A request in parts. `Host` comes first unless `fields` has one; a body gets its Content-Length unless `fields` frames it. */
export interface RequestParts {
  readonly method?: string;
  readonly target: string;
  readonly fields?: Fields;
  readonly body?: Bytes;
  readonly version?: '1.0' | '1.1';
}

/** One request's answer. */
export interface Exchanged {
  readonly head: ResponseHead;
  readonly status: number;
  readonly body: Buffer;
  readonly ending: Ending;
  /** Interim (1xx) heads that came before. */
  readonly interim: readonly ResponseHead[];
}

/** The bytes of a request. */
export function requestBytes(parts: RequestParts): Buffer {
  const fields = parts.fields ?? [];
  const has = (name: string): boolean => fields.some(([candidate]) => candidate.toLowerCase() === name);
  const body = parts.body === undefined ? null : bytes(parts.body);
  const all: (readonly [string, string])[] = [];
  if (!has('host')) all.push(['Host', '127.0.0.1']);
  all.push(...fields);
  if (body !== null && !has('content-length') && !has('transfer-encoding')) {
    all.push(['Content-Length', String(body.length)]);
  }
  const method = parts.method ?? (body === null ? 'GET' : 'POST');
  const head = bytes(`${method} ${parts.target} HTTP/${parts.version ?? '1.1'}\r\n${formatFields(all)}\r\n`);
  return body === null ? head : Buffer.concat([head, body]);
}

/** Reads one whole answer off a connection. */
export async function readAnswer(client: RawClient, method: string): Promise<Exchanged> {
  const interim: ResponseHead[] = [];
  let head = await client.expectHead();
  while (head.informational && head.status !== 101) {
    interim.push(head);
    head = await client.expectHead();
  }
  const body = client.body(head, method);
  const data = await body.all();
  return { head, status: head.status, body: data, ending: body.ending!, interim };
}

/** One request on a connection of its own, or on `client` where given. */
export async function exchange(target: RawClientTarget | RawClient, parts: RequestParts): Promise<Exchanged> {
  const client = target instanceof RawClient ? target : await RawClient.connect(target);
  try {
    await client.send(requestBytes(parts));
    return await readAnswer(client, parts.method ?? (parts.body === undefined ? 'GET' : 'POST'));
  } finally {
    if (client !== target) client.destroy();
  }
}
