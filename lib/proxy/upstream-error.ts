import type { ErrorCode } from '../errors/index.ts';

const BY_CODE: ReadonlyMap<string, ErrorCode> = new Map([
  ['UND_ERR_CONNECT_TIMEOUT', 'upstream_connect_timeout'],
  ['ETIMEDOUT', 'upstream_connect_timeout'],
  ['UND_ERR_HEADERS_TIMEOUT', 'upstream_timeout'],
  ['UND_ERR_BODY_TIMEOUT', 'upstream_timeout'],
  ['UND_ERR_HEADERS_OVERFLOW', 'upstream_protocol'],
  ['ECONNREFUSED', 'upstream_unreachable'],
  ['ENOTFOUND', 'upstream_unreachable'],
  ['EAI_AGAIN', 'upstream_unreachable'],
  ['EHOSTUNREACH', 'upstream_unreachable'],
  ['ENETUNREACH', 'upstream_unreachable'],
  ['EADDRNOTAVAIL', 'upstream_unreachable'],
  ['ENOENT', 'upstream_unreachable'],
  ['ECONNRESET', 'upstream_reset'],
  ['EPIPE', 'upstream_reset'],
  ['EPROTO', 'upstream_tls'],
]);

const TLS_CODE = /^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|HOSTNAME_MISMATCH|INVALID_CA)/;

function codeOf(error: Error): string {
  const { code } = error as { code?: unknown };
  if (typeof code === 'string' && code !== '') return code;
  // Happy eyeballs wraps one error per address.
  if (error instanceof AggregateError && error.errors[0] instanceof Error) return codeOf(error.errors[0]);
  return '';
}

/**
 * Maps what undici reports to a row of the error table. undici words both a
 * broken connection and an impossible answer (`100`, `101` unasked) as
 * UND_ERR_SOCKET; only its message tells them apart.
 */
export function upstreamErrorCode(error: Error, headSeen: boolean): ErrorCode {
  const code = codeOf(error);
  // Before a head it means two lengths that disagree, afterwards a body cut short.
  if (code === 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH')
    return headSeen ? 'upstream_reset' : 'upstream_protocol';
  const known = BY_CODE.get(code);
  if (known !== undefined) return known;
  if (code === 'UND_ERR_SOCKET')
    return error.message.startsWith('bad ') ? 'upstream_protocol' : 'upstream_reset';
  // Its code is unset in some releases; the message names llhttp's own reason.
  if (error.name === 'HTTPParserError')
    return /EOF/.test(error.message) ? 'upstream_reset' : 'upstream_protocol';
  if (TLS_CODE.test(code)) return 'upstream_tls';
  return 'internal';
}
