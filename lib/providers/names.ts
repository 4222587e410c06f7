export const PROVIDER_NAME_MAX = 32;

/** CONTRACT §1: what the first path segment of a provider looks like. */
export const PROVIDER_NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** Paths of the gateway's own, now or later: no provider may take them. */
const OWN_PATHS = ['health', 'healthz', 'realtime', 'admin', 'metrics'];

/** Names that no provider may have: our own paths, and what bare paths begin with. */
export function reservedNames(barePrefixes: Iterable<string>): ReadonlySet<string> {
  const reserved = new Set(OWN_PATHS);
  for (const prefix of barePrefixes) reserved.add(prefix.split('/')[1]!);
  return reserved;
}
