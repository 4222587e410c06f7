import type { Exchange } from '../pipeline/index.ts';
import type { Target } from '../wire/index.ts';
import { writeWhole } from './answer.ts';

/** What a person sees who opens the gateway's address. */
const HOME = `Weir relays LLM APIs: bytes untouched, usage exact.

Set a tool's base URL to http://<this host>/<provider>/... and keep its own path behind it:

  /demo/v1               a provider that is built in: try it with any tool, offline
  /<provider>/v1         what most tools want; some add /v1 themselves and want /<provider>

  GET /health            answers while the process lives
  weir providers         lists every provider and what to set for each tool
`;

const JSON_FIELDS: readonly string[] = ['content-type', 'application/json', 'cache-control', 'no-store'];
const TEXT_FIELDS: readonly string[] = [
  'content-type',
  'text/plain; charset=utf-8',
  'cache-control',
  'no-store',
];

/**
 * Answers the paths that are Weir's own and settle no fact: `/`, `/health`, and
 * a tool's hello at the root. False where the path is not one of them.
 */
export function answerOwnPage(exchange: Exchange, draining: boolean): boolean {
  const { method } = exchange.req;
  if (method !== 'GET' && method !== 'HEAD') return false;
  const page = ownPage(exchange.target!.path, method);
  if (page === null) return false;
  const headers = [...page.headers, 'content-length', String(Buffer.byteLength(page.body))];
  headers.push('x-request-id', exchange.requestId, 'x-weir-request-id', exchange.requestId);
  if (draining) headers.push('connection', 'close');
  writeWhole(exchange.res, 200, headers, page.body);
  return true;
}

function ownPage(
  path: string,
  method: string,
): { readonly headers: readonly string[]; readonly body: string } | null {
  if (path === '/health') return { headers: JSON_FIELDS, body: '{"status":"ok"}\n' };
  if (path === '/') return { headers: TEXT_FIELDS, body: HOME };
  return path === '/api/hello' && method === 'HEAD' ? { headers: [], body: '' } : null;
}

/** Probes that tools send before their first call: `HEAD` on a provider's root or its `/api/hello` (providers.md §10). */
export function isProbe(method: string, target: Target): boolean {
  return method === 'HEAD' && (target.rest === '/' || target.rest === '/api/hello');
}
