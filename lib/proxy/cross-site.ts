import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Site } from './plan.ts';

/** The host of a Host field without its port or brackets, lower case. */
export function hostName(host: string): string {
  if (host.startsWith('[')) return host.slice(1, host.indexOf(']')).toLowerCase();
  const colon = host.indexOf(':');
  return (colon === -1 ? host : host.slice(0, colon)).toLowerCase();
}

/** A host name that cannot be a rebound DNS name: an address, `localhost`, or one the operator named. */
export function isOwnHost(site: Site, host: string | undefined): boolean {
  if (host === undefined) return true;
  const name = hostName(host);
  return name === 'localhost' || isIP(name) !== 0 || site.hosts.has(name);
}

/**
 * Whether a request may come from a web page that was not allowed. Asked only
 * where no credential of ours is needed: a page must not spend a developer's
 * key by naming a loopback port, nor by DNS rebinding.
 */
export function isCrossSite(site: Site, req: IncomingMessage): boolean {
  const origin = req.headers.origin;
  if (origin !== undefined) return !site.corsOrigins.has(origin);
  const fetchSite = req.headers['sec-fetch-site'];
  if (fetchSite === 'cross-site' || fetchSite === 'same-site') return true;
  return !isOwnHost(site, req.headers.host);
}
