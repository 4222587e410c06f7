import { STATUS_CODES } from 'node:http';
import type { Exchange } from '../pipeline/index.ts';
import { ACCOUNT_RESPONSE_FIELDS } from '../providers/index.ts';
import { connectionNamed, fieldValue, isRemovedResponseField } from '../wire/index.ts';
import { corsFields } from './cors.ts';
import { isOwnHost } from './cross-site.ts';
import type { Plan, Site } from './plan.ts';
import { formsOf } from './secret-forms.ts';

/** A value we may repeat in a header of ours. */
const VISIBLE = /^[\x21-\x7e]{1,128}$/;

/** What the relay needs to know of a response head besides its fields. */
export interface ResponseHead {
  /** Flat pairs for the client. */
  readonly headers: string[];
  /** Content-Length, or -1. */
  readonly length: number;
  readonly chunked: boolean;
  readonly contentType: string | null;
  /** Content-Encoding, or null where there is none or `identity`. */
  readonly coding: string | null;
}

/** undici hands the head over as raw buffers; latin1 keeps every byte. */
export function textHeaders(raw: readonly (Buffer | string)[]): string[] {
  return raw.map(item => (typeof item === 'string' ? item : item.toString('latin1')));
}

function rewriteUrl(exchange: Exchange, site: Site, value: string): string {
  const provider = exchange.provider!;
  const base = provider.origin + provider.originPath;
  if (!value.startsWith(`${base}/`)) return value;
  const { socket, headers } = exchange.req;
  // Host decides nothing but where this same client comes back to, and only
  // where it is an address, localhost, or a name from config.
  const authority = headers.host !== undefined && isOwnHost(site, headers.host) ? headers.host : null;
  const path = `/${provider.name}${value.slice(base.length)}`;
  if (authority === null) return provider.origin + path;
  return `${'encrypted' in socket ? 'https' : 'http'}://${authority}${path}`;
}

/** Reads and filters a response head in one pass (CONTRACT §2). */
export function inboundHead(
  exchange: Exchange,
  plan: Pick<Plan, 'site' | 'limitHeaders'>,
  raw: readonly string[],
  status: number,
): ResponseHead {
  const { site } = plan;
  const limits = plan.limitHeaders === null ? null : plan.limitHeaders(exchange);
  const provider = exchange.provider!;
  const managed = exchange.principal!.managed;
  const secrets = status > 299 ? formsOf(exchange) : exchange.secretTexts();
  const named = connectionNamed(raw);
  const cors = site.corsOrigins.size === 0 ? null : corsFields(site, exchange.req);
  const headers: string[] = [];
  let length = -1;
  let chunked = false;
  let contentType: string | null = null;
  let coding: string | null = null;
  let hasRequestId = false;
  for (let i = 0; i < raw.length; i += 2) {
    const name = raw[i]!;
    const value = raw[i + 1]!;
    const lower = name.toLowerCase();
    if (lower === 'transfer-encoding') chunked = true;
    if (isRemovedResponseField(lower) || named?.has(lower)) continue;
    if (cors !== null && lower.startsWith('access-control-')) continue;
    if (limits !== null && limits.length > 0 && lower.startsWith('x-ratelimit-')) continue;
    if (managed && (ACCOUNT_RESPONSE_FIELDS.has(lower) || secrets.some(secret => value.includes(secret))))
      continue;
    if (lower === 'content-length') length = Number(value);
    else if (lower === 'content-type') contentType = value;
    else if (lower === 'content-encoding') coding = value.toLowerCase() === 'identity' ? null : value;
    else if (lower === 'x-request-id') hasRequestId = true;
    headers.push(name, provider.rewriteUrlHeaders.has(lower) ? rewriteUrl(exchange, site, value) : value);
  }
  if (cors !== null) headers.push(...cors);
  if (limits !== null) headers.push(...limits);
  addOwnFields(exchange, headers, hasRequestId);
  return { headers, length, chunked, contentType, coding };
}

function addOwnFields(exchange: Exchange, headers: string[], hasRequestId: boolean): void {
  if (!hasRequestId) headers.push('x-request-id', exchange.requestId);
  headers.push('x-weir-request-id', exchange.requestId, 'x-weir-provider', exchange.provider!.name);
  const model = exchange.modelRequested;
  if (model !== null && VISIBLE.test(model)) headers.push('x-weir-model', model);
}

/** Takes a field (lower case) off a head whose body will be another: its length, its coding. */
export function dropField(headers: string[], field: string): void {
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === field);
  if (at !== -1) headers.splice(at, 2);
}

/** The upstream's own request id, by the provider's row. */
export function upstreamRequestId(exchange: Exchange, raw: readonly string[]): string | null {
  for (const wanted of exchange.provider!.requestIdHeaders) {
    const value = fieldValue(raw, wanted);
    if (value === null) continue;
    return exchange.repeatsSecret(value) ? null : value.slice(0, 256);
  }
  return null;
}

/** The provider's status text in its own bytes; null where they were lost (undici decodes it as UTF-8) or hold a secret. */
export function relayedReason(
  exchange: Exchange,
  status: number,
  statusText: string | undefined,
): string | null {
  // node writes the usual one by itself.
  if (!statusText || statusText === STATUS_CODES[status] || statusText.includes('\ufffd')) return null;
  if (formsOf(exchange).some(form => statusText.includes(form))) return null;
  return Buffer.from(statusText).toString('latin1');
}
