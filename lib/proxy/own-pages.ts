import type { IncomingMessage, ServerResponse } from 'node:http';
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

const TEXT: readonly string[] = ['content-type', 'text/plain; charset=utf-8', 'cache-control', 'no-store'];

function page(res: ServerResponse, status: number, headers: readonly string[], body: string): void {
  writeWhole(res, status, [...headers, 'content-length', String(Buffer.byteLength(body))], body);
}

/**
 * Answers the paths that are Weir's own and settle no fact: `/`, `/health`.
 * False where the path is not one of them.
 */
export function answerOwnPage(req: IncomingMessage, res: ServerResponse, target: Target): boolean {
  if (req.method !== 'GET' && req.method !== 'HEAD') return false;
  if (target.path === '/health') {
    page(res, 200, ['content-type', 'application/json', 'cache-control', 'no-store'], '{"status":"ok"}\n');
    return true;
  }
  if (target.path === '/') {
    page(res, 200, TEXT, HOME);
    return true;
  }
  if (target.path === '/api/hello' && req.method === 'HEAD') {
    page(res, 200, [], '');
    return true;
  }
  return false;
}

/** Probes that tools send before their first call: `HEAD` on a provider's root or its `/api/hello` (providers.md §10). */
export function isProbe(method: string, target: Target): boolean {
  return method === 'HEAD' && (target.rest === '/' || target.rest === '/api/hello');
}
