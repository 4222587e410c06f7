import { blake2b } from '@noble/hashes/blake2.js';
import { encodeBase64url } from './base64url.ts';
import { encodePublicKey, ID_BYTES, ID_HEADER } from './paserk.ts';

/**
 * `k4.pid.…`, the name of a public key: BLAKE2b-264 of the header and the
 * key's PASERK. Null where the key is not 32 bytes.
 */
export function publicKeyId(key: Uint8Array): string | null {
  const paserk = encodePublicKey(key);
  if (paserk === null) return null;
  const digest = blake2b(new TextEncoder().encode(ID_HEADER + paserk), { dkLen: ID_BYTES });
  return ID_HEADER + encodeBase64url(digest);
}
