import { dialects } from '../dialects/index.ts';
import type { AuthSchemeName } from '../pipeline/index.ts';
import type { ProviderDescription } from '../providers/index.ts';
import { chatTrial, TRIAL_WIRES, type TrialWire } from './trial-wires.ts';

/** Which path of a gateway a trial takes, and in which wire it speaks there. */
export interface TrialTarget {
  readonly prefix: string;
  readonly base: string;
  readonly modelsPath: string | null;
  readonly wire: TrialWire;
  readonly auth: AuthSchemeName;
}

/** The path without a provider's name: whatever the gateway's own rows or routes make of it. */
export const BARE_TARGET: TrialTarget = {
  prefix: '',
  base: '/v1',
  modelsPath: '/v1/models',
  wire: chatTrial,
  auth: 'bearer',
};

/** A provider that only the gateway's config knows: most of them speak this. */
export function unknownTarget(name: string): TrialTarget {
  return { ...BARE_TARGET, prefix: `/${name}` };
}

/**
 * The target of a known provider, or null where its own dialect is none that a
 * trial speaks. The row says it all: the path of its models (or the first
 * tool's base URL) gives the base path, and its first dialect is asked which
 * wire's path it takes for a chat there.
 */
export function knownTarget(row: ProviderDescription): TrialTarget | null {
  const base = row.models === null ? (row.clients[0]?.base ?? '') : row.models.replace(/\/[^/]*$/, '');
  const dialect = dialects.get(row.dialects[0] ?? '');
  const wire = TRIAL_WIRES.find(({ path }) => {
    const segments = path(base, 'm', false).split('/').slice(1);
    return dialect?.match('POST', segments)?.operation === 'chat';
  });
  if (wire === undefined) return null;
  return { prefix: `/${row.name}`, base, modelsPath: row.models, wire, auth: row.auth };
}

/** The headers that carry a key in that scheme. Where only the gateway's own key makes sense, Bearer carries it. */
export function keyHeaders(auth: AuthSchemeName, key: string | null): Readonly<Record<string, string>> {
  if (key === null) return {};
  switch (auth) {
    case 'x-api-key':
    case 'api-key':
    case 'x-goog-api-key':
    case 'xi-api-key':
      return { [auth]: key };
    case 'token':
      return { authorization: `Token ${key}` };
    case 'raw':
      return { authorization: key };
    default:
      return { authorization: `Bearer ${key}` };
  }
}
