import { Agent, request } from 'undici';

const TIMEOUT_MS = 10_000;
const ANSWER_BYTES_MAX = 64 * 1024;

/**
 * One form post, for token exchanges with an address from config. Follows no
 * redirect, reads at most 64 KiB. Rejects with the transport's error.
 */
export async function postForm(
  url: URL,
  form: string,
): Promise<{ readonly status: number; readonly body: string }> {
  // An agent of its own: the process-wide one may be anybody's, or a proxy from the environment.
  const dispatcher = new Agent();
  try {
    return await exchangeForm(url, form, dispatcher);
  } finally {
    void dispatcher.destroy();
  }
}

async function exchangeForm(
  url: URL,
  form: string,
  dispatcher: Agent,
): Promise<{ readonly status: number; readonly body: string }> {
  const { statusCode, body } = await request(url, {
    dispatcher,
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
    body: form,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_BYTES_MAX) throw new Error('the token endpoint answered too much');
    chunks.push(chunk);
  }
  return { status: statusCode, body: Buffer.concat(chunks).toString('utf8') };
}
