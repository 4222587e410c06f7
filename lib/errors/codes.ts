/** Whose fault an error is. */
export type ErrorSource = 'downstream' | 'upstream' | 'internal';

/** What may be tried again: nothing, the same target with another key, another target, or the same one if nothing was sent. */
export type ErrorRetry = 'never' | 'nextKey' | 'nextTarget' | 'unsentOnly';

/** One row of the error table. `message` is public: no address, key, stack or upstream text. */
export interface ErrorRow {
  readonly code: string;
  readonly status: number;
  readonly source: ErrorSource;
  readonly retry: ErrorRetry;
  /** Whether the client may send the same request again, as `x-should-retry` tells SDKs. */
  readonly clientRetry: boolean;
  readonly message: string;
  /** For the operator: what to look at. Never sent to a client. */
  readonly hint: string;
}

type Columns = readonly [
  status: number,
  source: ErrorSource,
  retry: ErrorRetry,
  clientRetry: boolean,
  message: string,
  hint: string,
];

/** Rows in the order in which checks run: the first failure wins. `docs/errors.md` shows the same table. */
const TABLE = {
  bad_framing: [
    400,
    'downstream',
    'never',
    false,
    'The HTTP framing of this request is not acceptable.',
    'The client or a proxy in front sends ambiguous Content-Length, Transfer-Encoding or Host.',
  ],
  bad_target: [
    400,
    'downstream',
    'never',
    false,
    'The request target is not acceptable: use an origin-form path without empty, dot or malformed segments.',
    'Check the base URL that the tool was given: no double slash, no dot segment, no fragment.',
  ],
  method_not_allowed: [
    405,
    'downstream',
    'never',
    false,
    'This method is not allowed.',
    'Weir relays GET, HEAD, POST, PUT, PATCH, DELETE and OPTIONS.',
  ],
  request_timeout: [
    408,
    'downstream',
    'never',
    true,
    'The request did not arrive in time.',
    'timeouts.headersMs and timeouts.bodyIdleMs bound a slow client.',
  ],
  expectation_failed: [
    417,
    'downstream',
    'never',
    false,
    'Only Expect: 100-continue is supported.',
    'The client sent another expectation.',
  ],
  upgrade_required: [
    426,
    'downstream',
    'never',
    false,
    'Protocol upgrades are not supported here; use HTTP.',
    'Clients that try a WebSocket first fall back to HTTP on this answer.',
  ],
  headers_too_large: [
    431,
    'downstream',
    'never',
    false,
    'The request headers are too large.',
    'The header block may hold 16 KiB and 100 fields.',
  ],
  bad_transfer_coding: [
    501,
    'downstream',
    'never',
    false,
    'The only transfer coding understood is chunked.',
    'The client sent another Transfer-Encoding.',
  ],
  http_version: [
    505,
    'downstream',
    'never',
    false,
    'HTTP/1.1 or HTTP/1.0 is required.',
    'The client spoke another protocol version.',
  ],
  overloaded: [
    503,
    'internal',
    'nextTarget',
    true,
    'The gateway has more to do than it can at the moment.',
    'limits.inflight or limits.bodiesInHandBytes was reached, or more unknown keys came in than can be verified; add an instance or raise the limit.',
  ],
  draining: [
    503,
    'internal',
    'nextTarget',
    true,
    'The gateway is shutting down.',
    'The instance received SIGTERM; its load balancer should stop sending.',
  ],
  address_refused: [
    403,
    'downstream',
    'never',
    false,
    'Requests from this address are not accepted here.',
    'listen.allow does not list the address; behind a proxy, see listen.trustedProxies.',
  ],
  address_rate_limited: [
    429,
    'downstream',
    'never',
    true,
    'Too many requests from this address: slow down.',
    'limits.perAddress; behind a proxy, see listen.trustedProxies.',
  ],
  cross_site: [
    403,
    'downstream',
    'never',
    false,
    'Requests from web pages of other origins are refused here.',
    'This gateway asks for no credential of its own; allow the page in listen.cors, or its host name in listen.hosts.',
  ],
  unknown_provider: [
    404,
    'downstream',
    'never',
    false,
    'No provider has this name: the first path segment of the URL names the provider.',
    'weir providers lists the names; providers in config adds one.',
  ],
  body_too_large: [
    413,
    'downstream',
    'never',
    false,
    'The request body is larger than this gateway accepts.',
    'limits.bodyBytes.',
  ],
  ambiguous_credentials: [
    400,
    'downstream',
    'never',
    false,
    'This request carries more than one credential.',
    'The tool sends two different keys; unset one of its environment variables.',
  ],
  invalid_key: [
    401,
    'downstream',
    'never',
    false,
    'A valid API key is required.',
    'The key is unknown here, or bring-your-own keys are off (auth.byo).',
  ],
  too_many_bad_credentials: [
    429,
    'downstream',
    'never',
    true,
    'Too many requests with a bad key came from this address: correct the key, then try again later.',
    'limits.badCredentialsPerAddress; keys that are known to be good still pass. Behind a proxy, see listen.trustedProxies.',
  ],
  spend_hold: [
    402,
    'downstream',
    'never',
    false,
    'This key is on hold: its spending was stopped.',
    'A deny entry with reason spend; weir deny list shows it, weir deny remove lifts it.',
  ],
  deny_unseeded: [
    503,
    'internal',
    'nextTarget',
    true,
    'The gateway is not ready to accept this key yet.',
    'deny.requireSeed is on, and the deny set was never read in full: check deny.nats and its server.',
  ],
  deny_stale: [
    503,
    'internal',
    'nextTarget',
    true,
    'The gateway cannot accept this key at the moment.',
    'The deny set is older than deny.maxStaleness: check deny.nats and its server.',
  ],
  not_granted: [
    403,
    'downstream',
    'never',
    false,
    'This key may not make this call.',
    "The key's grant does not list this provider, operation or address.",
  ],
  rate_limited: [
    429,
    'downstream',
    'never',
    true,
    'Too many requests: slow down.',
    'A limit of the key, its subject or the gateway was reached: see limits and the key itself.',
  ],
  concurrency_limited: [
    429,
    'downstream',
    'never',
    true,
    'Too many requests of this key are running at the same time.',
    'limits.perKey.concurrency, or the concurrency of the key itself.',
  ],
  bad_body: [
    400,
    'downstream',
    'never',
    false,
    'The request body ended before it was complete.',
    'The client broke off its upload.',
  ],
  model_not_granted: [
    403,
    'downstream',
    'never',
    false,
    'This key may not use this model, or the request does not say clearly which model it wants.',
    "The key's grant restricts models; weir key inspect shows its patterns.",
  ],
  token_rate_limited: [
    429,
    'downstream',
    'never',
    true,
    'Too many tokens: slow down.',
    'A tokens-per-minute limit was reached: see limits and the key itself.',
  ],
  no_upstream_key: [
    503,
    'internal',
    'nextTarget',
    false,
    'No key is configured for this provider.',
    'Add providers.<name>.keys.',
  ],
  upstream_credentials_exhausted: [
    502,
    'upstream',
    'nextTarget',
    false,
    'The provider refused every key that the gateway has for it.',
    'weir provider key list shows which; replace the keys in the config, or release one.',
  ],
  upstream_rate_limited: [
    429,
    'upstream',
    'nextTarget',
    true,
    'The provider limits the rate of every key that the gateway has for it.',
    'weir provider key list shows until when; add keys or lower the load.',
  ],
  upstream_unreachable: [
    502,
    'upstream',
    'unsentOnly',
    true,
    'The provider could not be reached.',
    'DNS failure or connection refused; check providers.<name>.origin and the network.',
  ],
  upstream_connect_timeout: [
    504,
    'upstream',
    'unsentOnly',
    true,
    'The provider did not accept a connection in time.',
    'timeouts.connectMs.',
  ],
  upstream_tls: [
    502,
    'upstream',
    'unsentOnly',
    true,
    'The provider could not be verified.',
    'TLS handshake or certificate failure at the provider.',
  ],
  upstream_timeout: [
    504,
    'upstream',
    'nextTarget',
    true,
    'The provider did not answer in time.',
    'timeouts.firstByteMs, timeouts.idleMs or timeouts.totalMs.',
  ],
  upstream_reset: [
    502,
    'upstream',
    'nextTarget',
    true,
    'The provider broke the connection off.',
    'The provider closed or reset before a whole response head.',
  ],
  upstream_protocol: [
    502,
    'upstream',
    'nextTarget',
    true,
    'The provider sent something that is not valid HTTP.',
    'A broken or hostile upstream, or another protocol on its port.',
  ],
  upstream_auth_failed: [
    503,
    'upstream',
    'nextKey',
    true,
    'The gateway could not sign in to the provider.',
    'The token exchange for the pool key failed; check the key file and the token endpoint.',
  ],
  journal_unavailable: [
    503,
    'internal',
    'nextTarget',
    true,
    'The gateway cannot record usage at the moment.',
    'usage.journal cannot be written and usage.onFull is refuse.',
  ],
  internal: [
    500,
    'internal',
    'never',
    true,
    'The gateway failed.',
    'A bug: the log has the stack under the request id.',
  ],
} as const satisfies Record<string, Columns>;

export type ErrorCode = keyof typeof TABLE;

/** The error table by code. A Map, so that no name from outside can reach a prototype. */
export const ERRORS: ReadonlyMap<ErrorCode, ErrorRow> = new Map(
  (Object.entries(TABLE) as [ErrorCode, Columns][]).map(([code, row]) => {
    const [status, source, retry, clientRetry, message, hint] = row;
    return [code, Object.freeze({ code, status, source, retry, clientRetry, message, hint })];
  }),
);

/** The row of a code. Codes are a closed set, so this never misses. */
export function errorRow(code: ErrorCode): ErrorRow {
  return ERRORS.get(code)!;
}
