import type { IncomingMessage } from 'node:http';
import type { Site } from './plan.ts';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** The header pairs that let an allowed page read an answer, or null where the origin is not in `listen.cors`. */
export function corsFields(site: Site, req: IncomingMessage): readonly string[] | null {
  const { origin } = req.headers;
  if (origin === undefined || !site.corsOrigins.has(origin)) return null;
  return ['access-control-allow-origin', origin, 'access-control-expose-headers', '*', 'vary', 'origin'];
}

/** Whether a request is a preflight that Weir answers itself (Fetch standard, CORS protocol). */
export function isPreflight(req: IncomingMessage): boolean {
  return req.method === 'OPTIONS' && req.headers['access-control-request-method'] !== undefined;
}

/** The answer to an allowed preflight; it needs no credential, since browsers send none with it. */
export function preflightFields(req: IncomingMessage, allowed: readonly string[]): readonly string[] {
  const wanted = req.headers['access-control-request-headers'];
  return [
    ...allowed,
    'access-control-allow-methods',
    METHODS,
    'access-control-allow-headers',
    wanted ?? 'authorization, content-type',
    'access-control-max-age',
    '600',
    'content-length',
    '0',
  ];
}
