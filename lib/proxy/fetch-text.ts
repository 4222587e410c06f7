import { Agent, request } from 'undici';

export interface FetchOptions {
  /** The `etag` of what is known already, or null. */
  readonly etag: string | null;
  readonly bytesMax: number;
  /** For the whole of it. */
  readonly timeoutMs: number;
  /** Ends it before. */
  readonly signal: AbortSignal;
}

/** A text from an address of the config; that it is still the same; or why there is none, ready to follow its name. */
export type Fetched =
  | { readonly kind: 'text'; readonly text: string; readonly etag: string | null }
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'failed'; readonly reason: string };

/** Follows no redirect: what is asked for is what config names. Never rejects. */
export async function fetchText(url: URL, options: FetchOptions): Promise<Fetched> {
  // An agent of its own: the process-wide one may be anybody's, or a proxy from the environment.
  const dispatcher = new Agent();
  try {
    return await fetchFrom(url, options, dispatcher);
  } catch (error) {
    return { kind: 'failed', reason: reasonOf(error) };
  } finally {
    void dispatcher.destroy();
  }
}

async function fetchFrom(
  url: URL,
  { etag, bytesMax, timeoutMs, signal }: FetchOptions,
  dispatcher: Agent,
): Promise<Fetched> {
  const { statusCode, headers, body } = await request(url, {
    dispatcher,
    signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    headers: {
      accept: 'application/json, text/plain',
      'accept-encoding': 'identity',
      ...(etag === null ? {} : { 'if-none-match': etag }),
    },
  });
  if (statusCode === 304 && etag !== null) return { kind: 'unchanged' };
  if (statusCode !== 200) return { kind: 'failed', reason: `answered ${statusCode}` };
  if (headers['content-encoding'] !== undefined)
    return { kind: 'failed', reason: 'answered with a content coding' };
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) return { kind: 'failed', reason: `is longer than ${bytesMax} bytes` };
    chunks.push(chunk);
  }
  const tag = headers.etag;
  return {
    kind: 'text',
    text: Buffer.concat(chunks).toString('utf8'),
    etag: typeof tag === 'string' ? tag : null,
  };
}

/** What went wrong, without an address: errors of the transport repeat them. */
function reasonOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  if (name === 'TimeoutError') return 'did not answer in time';
  return `cannot be reached (${code ?? name})`;
}
