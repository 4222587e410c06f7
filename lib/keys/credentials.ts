import { Refusal } from '../errors/index.ts';
import type { AuthSchemeName } from '../pipeline/index.ts';
import { CREDENTIAL_FIELDS } from '../wire/index.ts';

const BEARER = /^bearer +/i;
const TOKEN = /^token +/i;

/** Schemes whose `Authorization` (or own field) has a form of its own; elsewhere only Bearer counts. */
const BARE_AUTHORIZATION: ReadonlySet<AuthSchemeName> = new Set(['raw']);

function fromAuthorization(value: string, scheme: AuthSchemeName): string | null {
  if (BEARER.test(value)) return value.replace(BEARER, '').trim();
  if (scheme === 'token' && TOKEN.test(value)) return value.replace(TOKEN, '').trim();
  return BARE_AUTHORIZATION.has(scheme) ? value.trim() : null;
}

function isKeyParameter(name: string): boolean {
  if (name === 'key') return true;
  if (!name.includes('%')) return false;
  try {
    return decodeURIComponent(name) === 'key';
  } catch {
    return false;
  }
}

function fromQuery(query: string): string[] {
  if (query === '' || !query.includes('=')) return [];
  const values: string[] = [];
  for (const pair of query.slice(1).split('&')) {
    const equals = pair.indexOf('=');
    if (equals === -1 || !isKeyParameter(pair.slice(0, equals))) continue;
    try {
      values.push(decodeURIComponent(pair.slice(equals + 1)));
    } catch {
      values.push(pair.slice(equals + 1));
    }
  }
  return values;
}

/**
 * The distinct credentials of a request, from every place a stock client may
 * put one (CONTRACT §2). The same value twice is one; one header sent twice
 * with different values is refused, since two parsers would pick differently.
 */
export function readCredentials(
  rawHeaders: readonly string[],
  query: string,
  scheme: AuthSchemeName,
): readonly string[] | Refusal {
  const found: string[] = [];
  const byField = new Map<string, string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    if (!CREDENTIAL_FIELDS.has(name)) continue;
    const raw = rawHeaders[i + 1]!;
    const earlier = byField.get(name);
    if (earlier !== undefined && earlier !== raw) return new Refusal('ambiguous_credentials');
    byField.set(name, raw);
    if (name === 'xi-api-key' && scheme !== 'xi-api-key') continue;
    const value = name === 'authorization' ? fromAuthorization(raw, scheme) : raw.trim();
    if (value !== null && value !== '' && !found.includes(value)) found.push(value);
  }
  for (const value of fromQuery(query)) if (value !== '' && !found.includes(value)) found.push(value);
  return found;
}
