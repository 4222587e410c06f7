import { createPrivateKey, type KeyObject, sign } from 'node:crypto';

/** RFC 7523 §3: how long the assertion itself is good for. Google accepts at most an hour. */
const ASSERTION_SECONDS = 3600;

const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';

/** RFC 7523 §2.1. */
const GRANT_TYPE = 'urn:ietf:params:oauth:grant-type:jwt-bearer';

const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** A Google service account: who signs, with what, and where the assertion is exchanged. */
export interface ServiceAccount {
  readonly clientEmail: string;
  readonly privateKey: KeyObject;
  readonly privateKeyId: string | null;
  readonly tokenUri: URL;
}

/** A key file's text begins so; an API key never does. */
export function looksLikeServiceAccount(text: string): boolean {
  return text.trimStart().startsWith('{');
}

/** Reads a key file's text. A string says what is wrong, without a word of the text. */
export function parseServiceAccount(text: string): ServiceAccount | string {
  const file = parseObject(text);
  if (file === null) return 'is not valid JSON';
  const { client_email: email, private_key: pem, private_key_id: keyId, token_uri: uri } = file;
  if (typeof email !== 'string' || email === '') return 'has no client_email';
  if (typeof pem !== 'string') return 'has no private_key';
  if (typeof uri !== 'string') return 'has no token_uri';
  const tokenUri = URL.parse(uri);
  if (tokenUri === null || !isSafe(tokenUri)) return 'has a token_uri that is neither https nor on loopback';
  const privateKey = parseRsaKey(pem);
  if (privateKey === null) return 'has a private_key that is no RSA key in PEM';
  return { clientEmail: email, privateKey, privateKeyId: typeof keyId === 'string' ? keyId : null, tokenUri };
}

/** The form of a token request (RFC 7523 §2.1), signed at `nowSeconds` Unix time. */
export function tokenForm(account: ServiceAccount, nowSeconds: number): string {
  const header = {
    alg: 'RS256',
    typ: 'JWT',
    ...(account.privateKeyId === null ? {} : { kid: account.privateKeyId }),
  };
  const claims = {
    iss: account.clientEmail,
    scope: SCOPE,
    aud: account.tokenUri.href,
    iat: nowSeconds,
    exp: nowSeconds + ASSERTION_SECONDS,
  };
  const unsigned = `${base64url(header)}.${base64url(claims)}`;
  const signature = sign('sha256', Buffer.from(unsigned), account.privateKey).toString('base64url');
  return new URLSearchParams({ grant_type: GRANT_TYPE, assertion: `${unsigned}.${signature}` }).toString();
}

/** A JSON object, or null. */
export function parseObject(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function parseRsaKey(pem: string): KeyObject | null {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'rsa' ? key : null;
  } catch {
    return null;
  }
}

function isSafe(url: URL): boolean {
  if (url.username !== '' || url.password !== '') return false;
  return url.protocol === 'https:' || (url.protocol === 'http:' && LOOPBACK.test(url.hostname));
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
