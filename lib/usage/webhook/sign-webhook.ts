import { createHmac } from 'node:crypto';
import type { Secret } from '../../base/index.ts';

/** Marks a secret whose rest is Base64 of the key's bytes (Standard Webhooks). */
const ENCODED = 'whsec_';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const KEY_BYTES_MIN = 16;
const DEFAULT_TIMEOUT_MS = 20_000;
/** A receiver cannot ask for a longer pause. */
const RETRY_AFTER_MS_MAX = 3_600_000;

/** Why a secret cannot sign, for the person who configures it, or null. It is not repeated. */
export function webhookSecretProblem(secret: Secret): string | null {
  const value = secret.reveal();
  if (value.startsWith(ENCODED) && !BASE64.test(value.slice(ENCODED.length)))
    return 'what stands behind whsec_ must be Base64';
  return keyOf(secret).length < KEY_BYTES_MIN
    ? `a webhook's secret has at least ${KEY_BYTES_MIN} bytes: openssl rand -base64 32`
    : null;
}

function keyOf(secret: Secret): Buffer {
  const value = secret.reveal();
  return value.startsWith(ENCODED) ? Buffer.from(value.slice(ENCODED.length), 'base64') : Buffer.from(value);
}

/**
 * The three headers of the Standard Webhooks specification (version 1,
 * HMAC-SHA256), by which a receiver knows who sent the body, when, and whether
 * it had it before. `id` stays the same over all tries of one message and holds
 * no full stop; `timestampS` is the try's Unix time in seconds.
 */
export function signWebhook(
  secret: Secret,
  id: string,
  timestampS: number,
  body: string | Buffer,
): Record<string, string> {
  const signature = createHmac('sha256', keyOf(secret)).update(`${id}.${timestampS}.`).update(body);
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestampS),
    'webhook-signature': `v1,${signature.digest('base64')}`,
  };
}

export interface WebhookPost {
  readonly url: string;
  readonly secret: Secret;
  /** The message's, the same over all its tries. */
  readonly id: string;
  /** Unix time in milliseconds. */
  readonly nowMs: number;
  readonly body: string | Buffer;
  /** Such as `application/json`. */
  readonly contentType: string;
  /** For the whole exchange. Default 20 s. */
  readonly timeoutMs?: number;
  /** Gives up at once. */
  readonly signal?: AbortSignal;
}

/**
 * What came of one try. `retry`: the receiver is away or asks for time.
 * `rejected`: it does not take this, and will not before somebody changes
 * something; trying again is right, but slowly. `gone`: it wants no more.
 * `problem` is for operators and holds nothing that the receiver wrote.
 */
export type WebhookResult =
  | { readonly result: 'delivered' }
  | { readonly result: 'retry'; readonly afterMs: number | null; readonly problem: string }
  | { readonly result: 'rejected'; readonly problem: string }
  | { readonly result: 'gone'; readonly problem: string };

/** Posts a signed body, once. 2xx alone is success; a redirect is not followed: the body was meant for this address. Never rejects. */
export async function postWebhook(post: WebhookPost): Promise<WebhookResult> {
  const { url, secret, id, nowMs, body, contentType, timeoutMs = DEFAULT_TIMEOUT_MS, signal } = post;
  const limit = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...signWebhook(secret, id, Math.floor(nowMs / 1000), body),
        'content-type': contentType,
        'user-agent': 'weir',
      },
      body,
      redirect: 'manual',
      signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    });
    // What it says is of no use to us, and may be without end.
    void response.body?.cancel().catch(() => {});
    return resultOf(response, nowMs);
  } catch (error) {
    const problem = limit.aborted ? `no answer within ${timeoutMs} ms` : reasonOf(error);
    return { result: 'retry', afterMs: null, problem };
  }
}

function resultOf({ status, headers }: Response, nowMs: number): WebhookResult {
  const problem = `it answered ${status}`;
  if (status >= 200 && status < 300) return { result: 'delivered' };
  if (status === 410) return { result: 'gone', problem };
  if (status === 408 || status === 425 || status === 429 || status >= 500)
    return { result: 'retry', afterMs: retryAfterMs(headers.get('retry-after'), nowMs), problem };
  return { result: 'rejected', problem };
}

/** RFC 9110 §10.2.3: seconds or a date. Null where it says neither. */
function retryAfterMs(value: string | null, nowMs: number): number | null {
  if (value === null) return null;
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - nowMs;
  return Number.isNaN(ms) ? null : Math.min(RETRY_AFTER_MS_MAX, Math.max(0, ms));
}

/** The system's code where there is one: the message of `fetch` itself says nothing. */
function reasonOf(error: unknown): string {
  const { cause } = error as Error;
  if (cause instanceof Error) return 'code' in cause ? String(cause.code) : cause.message;
  return (error as Error).name === 'AbortError' ? 'given up' : 'it cannot be reached';
}
