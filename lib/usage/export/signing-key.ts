import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import type { Secret } from '../../base/index.ts';

const SECRET_HEADER = 'k4.secret.';
const PUBLIC_HEADER = 'k4.public.';
const HALF_BYTES = 32;

/** Signs manifests: Ed25519 (RFC 8032) over the file's bytes. */
export interface SigningKey {
  /** `k4.public.…`, by which a receiver checks. */
  readonly publicKey: string;
  /** 64 bytes. */
  sign(message: Uint8Array): Buffer;
}

/**
 * The key in a file that `weir issuer new` wrote, or what is wrong with it, to
 * stand behind a name. A public half that belongs to another seed would give
 * the seed away with the first signature.
 */
export function readSigningKey(secret: Secret): SigningKey | string {
  const text = secret.reveal().trim();
  const bytes = text.startsWith(SECRET_HEADER)
    ? Buffer.from(text.slice(SECRET_HEADER.length), 'base64url')
    : Buffer.alloc(0);
  if (bytes.length !== 2 * HALF_BYTES) return 'holds no k4.secret.…: weir issuer new makes one';
  const stated = bytes.subarray(HALF_BYTES).toString('base64url');
  const d = bytes.subarray(0, HALF_BYTES).toString('base64url');
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: { kty: 'OKP', crv: 'Ed25519', d, x: stated }, format: 'jwk' });
  } catch {
    return 'holds a damaged k4.secret.…';
  }
  if (createPublicKey(key).export({ format: 'jwk' }).x !== stated)
    return 'holds a damaged k4.secret.…: its two halves do not belong together';
  return { publicKey: PUBLIC_HEADER + stated, sign: message => sign(null, message, key) };
}

/** Whether a signature is that of `k4.public.…` over the message. The key must be one that `checkPublicKey` of the room `keys` lets pass, or our own. */
export function isSignedBy(publicKey: string, message: Uint8Array, signature: Uint8Array): boolean {
  const x = publicKey.slice(PUBLIC_HEADER.length);
  const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  return verify(null, message, key, signature);
}
