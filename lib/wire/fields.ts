/**
 * Header rules for both directions (CONTRACT §2, RFC 9110 §7.6.1). Header
 * lists are flat: name, value, name, value, … as node and the wire have them.
 */

/** Fields of one connection: never relayed, in either direction. */
const HOP_BY_HOP: readonly string[] = [
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];

/** Fields a client may put a credential in. */
export const CREDENTIAL_FIELDS: ReadonlySet<string> = new Set([
  'authorization',
  'x-api-key',
  'api-key',
  'x-goog-api-key',
  'xi-api-key',
]);

/** Claims about where a request came from: ours to make, not the client's. */
const REQUEST_ONLY: readonly string[] = [
  'host',
  'expect',
  'content-length',
  'forwarded',
  'x-real-ip',
  'via',
  'cf-connecting-ip',
  'true-client-ip',
  'cookie',
  'cookie2',
];

const RESPONSE_ONLY: readonly string[] = [
  'alt-svc',
  'set-cookie',
  'set-cookie2',
  'clear-site-data',
  'strict-transport-security',
  'x-sendfile',
];

const REQUEST_REMOVED: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...REQUEST_ONLY]);
const RESPONSE_REMOVED: ReadonlySet<string> = new Set([...HOP_BY_HOP, ...RESPONSE_ONLY]);

function removedFromRequest(name: string): boolean {
  return (
    REQUEST_REMOVED.has(name) ||
    (name.charCodeAt(0) === 0x78 &&
      (name.startsWith('x-forwarded-') || name.startsWith('x-accel-') || name.startsWith('x-weir-')))
  );
}

/** Names that a Connection field lists, lower case; null where none does, which is nearly always. */
export function connectionNamed(rawHeaders: readonly string[]): ReadonlySet<string> | null {
  let named: Set<string> | null = null;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue;
    for (const token of rawHeaders[i + 1]!.split(',')) {
      const field = token.trim().toLowerCase();
      if (field === '' || field === 'keep-alive' || field === 'close') continue;
      named ??= new Set();
      named.add(field);
    }
  }
  return named;
}

/** Whether a request field (lower case) must not reach a provider. Names with `_` are judged as their `-` twin: servers fold one into the other. */
export function isRemovedRequestField(name: string): boolean {
  if (removedFromRequest(name)) return true;
  if (!name.includes('_')) return false;
  const twin = name.replaceAll('_', '-');
  return removedFromRequest(twin) || CREDENTIAL_FIELDS.has(twin);
}

/** Whether a response field (lower case) must not reach a client. */
export function isRemovedResponseField(name: string): boolean {
  return RESPONSE_REMOVED.has(name) || name.startsWith('x-accel-') || name.startsWith('x-weir-');
}

/** The value of the first field of that name (given in lower case), or null. */
export function fieldValue(rawHeaders: readonly string[], name: string): string | null {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const candidate = rawHeaders[i]!;
    if (candidate.length === name.length && candidate.toLowerCase() === name) return rawHeaders[i + 1]!;
  }
  return null;
}
