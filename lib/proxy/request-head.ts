import type { Exchange, OutboundRequest, Provider } from '../pipeline/index.ts';
import { ACCOUNT_REQUEST_FIELDS } from '../providers/index.ts';
import { CREDENTIAL_FIELDS, connectionNamed, isRemovedRequestField } from '../wire/index.ts';

/**
 * The header list that goes upstream: the client's own fields in their order
 * and spelling, less what CONTRACT §2 removes. Credentials of ours are added
 * afterwards, so nothing a client sends can remove or shadow them.
 */
export function outboundHeaders(exchange: Exchange): string[] {
  const { rawHeaders } = exchange.req;
  const managed = exchange.principal!.managed;
  const named = connectionNamed(rawHeaders);
  const headers: string[] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!;
    const lower = name.toLowerCase();
    if (isRemovedRequestField(lower) || named?.has(lower)) continue;
    if (managed && (CREDENTIAL_FIELDS.has(lower) || isUnmanaged(lower.replaceAll('_', '-')))) continue;
    // An injected answer must be readable to take the extra event out again.
    if (exchange.usageInjected && lower === 'accept-encoding') continue;
    headers.push(name, rawHeaders[i + 1]!);
  }
  if (exchange.usageInjected) headers.push('accept-encoding', 'identity');
  return headers;
}

/** Query parameters that some provider takes for a credential (CONTRACT §2 names `key`). */
const CREDENTIAL_PARAMETERS: ReadonlySet<string> = new Set([
  'key',
  'access_token',
  'oauth_token',
  'api_key',
  'api-key',
  'subscription-key',
]);

/** Fields that some servers take for the method: a grant was judged on the method of the request line. */
const METHOD_OVERRIDES: ReadonlySet<string> = new Set([
  'x-http-method',
  'x-http-method-override',
  'x-method-override',
]);

/** The header twin of `subscription-key`: a provider that reads it would refuse, and our key would be blamed. */
const SUBSCRIPTION_KEY = 'ocp-apim-subscription-key';

/** What a request with a key of ours must not say to a provider. */
function isUnmanaged(field: string): boolean {
  return ACCOUNT_REQUEST_FIELDS.has(field) || METHOD_OVERRIDES.has(field) || field === SUBSCRIPTION_KEY;
}

/** The query without parameters that are credentials, whatever their spelling. */
export function withoutCredentials(query: string): string {
  if (query === '' || !query.includes('=')) return query;
  const kept = query
    .slice(1)
    .split('&')
    .filter(pair => !CREDENTIAL_PARAMETERS.has(parameterName(pair)));
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

function parameterName(pair: string): string {
  const equals = pair.indexOf('=');
  const name = equals === -1 ? pair : pair.slice(0, equals);
  if (!name.includes('%')) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}

/** Path and query for the upstream request line: exactly one leading `/`, the client's bytes behind it. */
export function outboundPath(exchange: Exchange, provider: Provider): string {
  const target = exchange.target!;
  const query = exchange.principal!.managed ? withoutCredentials(target.query) : target.query;
  return provider.originPath + target.rest + query;
}

/** The request as it goes upstream, unsigned. */
export function outboundRequest(exchange: Exchange, provider: Provider): OutboundRequest {
  return {
    method: exchange.req.method!,
    host: provider.origin.slice(provider.origin.indexOf('//') + 2),
    path: outboundPath(exchange, provider),
    headers: outboundHeaders(exchange),
    body: exchange.body,
    secrets: [],
  };
}
