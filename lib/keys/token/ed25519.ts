import { createPublicKey, type KeyObject, verify } from 'node:crypto';

/** An Ed25519 public key for `verifySignature`. Takes 32 bytes that passed `checkPublicKey`. */
export function importPublicKey(key: Uint8Array): KeyObject {
  const x = Buffer.from(key).toString('base64url');
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
}

/**
 * Ed25519 (RFC 8032) on a thread of libuv's pool. The caller's thread is busy
 * for about a tenth of the time a check takes, so that forged keys do not hold
 * up the streams that this thread relays.
 */
export function verifySignature(
  message: Uint8Array,
  key: KeyObject,
  signature: Uint8Array,
): Promise<boolean> {
  return new Promise((resolve, reject) => {
    verify(null, message, key, signature, (error, isGood) => {
      if (error === null) resolve(isGood);
      else reject(error);
    });
  });
}
