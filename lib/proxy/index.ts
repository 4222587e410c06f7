export { ClientAddresses, UNIX_PEER } from './client-addresses.ts';
export { DnsCache } from './dns-cache.ts';
export { type Fetched, type FetchOptions, fetchText } from './fetch-text.ts';
export { RequestHandler } from './handler.ts';
export { type DrainTimes, Listener } from './listener.ts';
export type { BarePath, Plan, Site, Timeouts } from './plan.ts';
export { postForm } from './post-form.ts';
export type { ListenSettings } from './server.ts';
export { Upstreams } from './upstreams.ts';
