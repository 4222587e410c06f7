import { request } from 'node:http';
import type { RunningGateway } from './gateways/index.ts';
import { type AnswerKind, burstEvents, jsonBody, requestBody, STAMP_MARK } from './mock/bodies.ts';
import { CLIENT_KEY } from './request.ts';

const TIMEOUT_MS = 5_000;
const SLOW_EVENTS_WANTED = 5;

/** What a gateway does with one request of a kind, before it is measured. */
export type Probed = { body: string; rewritten: boolean } | { reason: string };

/**
 * Asks once and looks at the whole answer. A gateway may write the JSON in its own way, as long as it says the
 * same; the body it gave is then the one every later answer must have. Streams must have the mock's bytes.
 */
export async function probe(gateway: RunningGateway, kind: AnswerKind): Promise<Probed> {
  let answer: { status: number; body: string };
  try {
    answer = await ask(gateway, kind);
  } catch (error) {
    return { reason: `no ${kind === 'json' ? 'answer' : 'stream'}: ${(error as Error).message}` };
  }
  const { status, body } = answer;
  if (status !== 200) return { reason: `status ${status}: ${body.slice(0, 120)}` };
  if (kind === 'slow') return { body: '', rewritten: false };
  const sent = kind === 'json' ? jsonBody() : burstEvents().join('');
  if (body === sent) return { body, rewritten: false };
  if (kind === 'json' && saysTheSame(body, sent)) return { body, rewritten: true };
  return { reason: kind === 'json' ? 'another answer' : `no stream: ${body.length} of ${sent.length} bytes` };
}

function ask(gateway: RunningGateway, kind: AnswerKind): Promise<{ status: number; body: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>();
  const headers = new Map([
    ['authorization', `Bearer ${CLIENT_KEY}`],
    ['content-type', 'application/json'],
  ]);
  for (const line of gateway.headers.split('\r\n').filter(line => line !== '')) {
    headers.set(line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2));
  }
  const { port, path } = gateway;
  const options = { host: '127.0.0.1', port, path, method: 'POST', agent: false as const };
  const call = request({ ...options, headers: Object.fromEntries(headers) }, response => {
    const status = response.statusCode ?? 0;
    let body = '';
    response.setEncoding('latin1').on('data', (text: string) => {
      body += text;
      if (kind !== 'slow' || body.split(STAMP_MARK).length <= SLOW_EVENTS_WANTED) return;
      resolve({ status, body });
      call.destroy();
    });
    response.on('end', () => resolve({ status, body }));
    response.on('error', reject);
  });
  call.on('error', reject);
  call.setTimeout(TIMEOUT_MS, () => call.destroy(new Error(`nothing for ${TIMEOUT_MS / 1000} s`)));
  call.end(requestBody(kind));
  return promise;
}

/** True if every member of `sent` is in `body` with the same value; `body` may have more. */
function saysTheSame(body: string, sent: string): boolean {
  try {
    const got = JSON.parse(body) as Record<string, unknown>;
    const wanted = JSON.parse(sent) as Record<string, unknown>;
    return Object.keys(wanted).every(key => JSON.stringify(got[key]) === JSON.stringify(wanted[key]));
  } catch {
    return false;
  }
}
