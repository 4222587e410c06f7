import type { IncomingMessage } from 'node:http';
import { Refusal } from '../errors/index.ts';
import { parseTarget, type Target } from '../wire/index.ts';

const METHODS: ReadonlySet<string> = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

/** RFC 9110 §7.2: host, or bracketed IPv6, with an optional port. Nothing that a URL parser might read as user or path. */
const HOST = /^(?:[A-Za-z0-9._~-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?$/;

/** Framing and credential fields a client may send once only; node joins or drops repeats silently. */
function repeatedHost(rawHeaders: readonly string[]): boolean {
  let seen = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (rawHeaders[i]!.length === 4 && rawHeaders[i]!.toLowerCase() === 'host') seen++;
  }
  return seen > 1;
}

/**
 * Refuses what node's parser lets through although two parsers could read it
 * differently (transfer codings, versions, Host). node has already refused
 * Content-Length with Transfer-Encoding and repeated lengths.
 */
function checkFraming(req: IncomingMessage): Refusal | null {
  if (req.httpVersionMajor !== 1 || req.httpVersionMinor > 1) return new Refusal('http_version');
  const coding = req.headers['transfer-encoding'];
  if (coding !== undefined) {
    if (coding.toLowerCase() !== 'chunked') return new Refusal('bad_transfer_coding');
    // RFC 9112 §6.1: a 1.0 message with Transfer-Encoding has faulty framing.
    if (req.httpVersionMinor === 0) return new Refusal('bad_framing');
  }
  const host = req.headers.host;
  if (host === undefined ? req.httpVersionMinor === 1 : !HOST.test(host)) return new Refusal('bad_framing');
  return repeatedHost(req.rawHeaders) ? new Refusal('bad_framing') : null;
}

/** Framing, method, target, in that order (CONTRACT §7). */
export function admit(req: IncomingMessage): Target | Refusal {
  const refusal = checkFraming(req);
  if (refusal !== null) return refusal;
  if (!METHODS.has(req.method!)) return new Refusal('method_not_allowed');
  return parseTarget(req.url!);
}
