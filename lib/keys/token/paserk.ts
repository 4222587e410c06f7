import { decodeBase64url, encodeBase64url } from './base64url.ts';

/** An Ed25519 public key, 32 bytes. */
export const PUBLIC_KEY_BYTES = 32;
/** An Ed25519 secret key as PASETO keeps it: the seed, then the public key. */
export const SECRET_KEY_BYTES = 64;

const PUBLIC_HEADER = 'k4.public.';
const SECRET_HEADER = 'k4.secret.';
/** In front of the id of a public key. */
export const ID_HEADER = 'k4.pid.';
export const ID_BYTES = 33;

/*
 * PASERK, version 4: keys as text that says what it holds
 * (https://github.com/paseto-standard/paserk). Only the spelling is judged
 * here; whether the bytes are a key worth trusting is `checkPublicKey`.
 */

/** 32 bytes → `k4.public.…`; null where they are not 32. */
export function encodePublicKey(key: Uint8Array): string | null {
  return key.length === PUBLIC_KEY_BYTES ? PUBLIC_HEADER + encodeBase64url(key) : null;
}

/** `k4.public.…` → 32 bytes; null for everything else. */
export function decodePublicKey(paserk: string): Uint8Array | null {
  return decode(PUBLIC_HEADER, PUBLIC_KEY_BYTES, paserk);
}

/** 64 bytes → `k4.secret.…`; null where they are not 64. */
export function encodeSecretKey(key: Uint8Array): string | null {
  return key.length === SECRET_KEY_BYTES ? SECRET_HEADER + encodeBase64url(key) : null;
}

/** `k4.secret.…` → 64 bytes; null for everything else. Does not compare its two halves. */
export function decodeSecretKey(paserk: string): Uint8Array | null {
  return decode(SECRET_HEADER, SECRET_KEY_BYTES, paserk);
}

/** Whether a text is spelled as `publicKeyId` spells. */
export function isPublicKeyId(text: string): boolean {
  return decode(ID_HEADER, ID_BYTES, text) !== null;
}

function decode(header: string, bytes: number, paserk: string): Uint8Array | null {
  if (paserk.length !== header.length + Math.ceil((bytes * 4) / 3) || !paserk.startsWith(header)) return null;
  return decodeBase64url(paserk.slice(header.length));
}
