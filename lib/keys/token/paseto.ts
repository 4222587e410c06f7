import { decodeBase64url, encodeBase64url } from './base64url.ts';

/** What every PASETO of version 4, purpose public, begins with. */
export const PASETO_HEADER = 'v4.public.';
/** An Ed25519 signature. */
export const SIGNATURE_BYTES = 64;

const LENGTH_BYTES = 8;

/** A token taken apart; nothing of it is trusted yet. */
export interface PasetoParts {
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  /** Empty where the token has none. */
  readonly footer: Uint8Array;
}

/**
 * Takes `v4.public.…` apart; null for everything else. Each token has one
 * spelling: a changed character is a changed token, or none.
 */
export function splitPaseto(token: string): PasetoParts | null {
  if (!token.startsWith(PASETO_HEADER)) return null;
  const [bodyText, footerText, ...more] = token.slice(PASETO_HEADER.length).split('.');
  if (more.length > 0 || footerText === '') return null;
  const body = decodeBase64url(bodyText!);
  const footer = decodeBase64url(footerText ?? '');
  if (body === null || footer === null || body.length < SIGNATURE_BYTES) return null;
  const end = body.length - SIGNATURE_BYTES;
  return { message: body.subarray(0, end), signature: body.subarray(end), footer };
}

/** The token of a signed message. */
export function joinPaseto({ message, signature, footer }: PasetoParts): string {
  const body = encodeBase64url(concat([message, signature]));
  return PASETO_HEADER + body + (footer.length === 0 ? '' : `.${encodeBase64url(footer)}`);
}

/** The bytes that a `v4.public` token without implicit assertion signs. */
export function signedBytes(message: Uint8Array, footer: Uint8Array): Uint8Array {
  return preAuthEncode([new TextEncoder().encode(PASETO_HEADER), message, footer, new Uint8Array(0)]);
}

/**
 * PAE of the PASETO specification: the number of pieces, then each with its
 * length in front, so that no two lists of pieces give the same bytes.
 */
export function preAuthEncode(pieces: readonly Uint8Array[]): Uint8Array {
  const parts = [littleEndian64(pieces.length)];
  for (const piece of pieces) parts.push(littleEndian64(piece.length), piece);
  return concat(parts);
}

function littleEndian64(count: number): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES);
  new DataView(bytes.buffer).setUint32(0, count, true);
  return bytes;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
