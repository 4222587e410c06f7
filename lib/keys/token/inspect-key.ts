import { ClaimProblem, readClaims, type TokenClaims } from './claims.ts';
import { importPublicKey, verifySignature } from './ed25519.ts';
import { KeyFault } from './key-fault.ts';
import { isKeyPrefix } from './key-form.ts';
import { decodePublicKey } from './paserk.ts';
import { signedBytes } from './paseto.ts';
import { readPayload } from './payload.ts';
import { publicKeyId } from './public-key-id.ts';
import { splitKey } from './split-key.ts';

/** What a key says of itself. */
export interface InspectedKey extends TokenClaims {
  readonly prefix: string;
  /** PASERK id of the issuer it names. */
  readonly issuer: string;
}

/**
 * Reads a key for a person. Nothing of it is believed unless `publicKey`, which
 * must have passed `checkPublicKey`, is given and has signed it. Times are
 * reported, not judged.
 */
export async function inspectKey(value: string, publicKey: string | null): Promise<InspectedKey | KeyFault> {
  const parts = splitKey(value);
  if (parts instanceof KeyFault) return parts;
  const { prefix, kid, message, footer, signature } = parts;
  if (!isKeyPrefix(prefix)) return new KeyFault('malformed', 'has no prefix that a gateway could accept');
  if (publicKey !== null) {
    const key = decodePublicKey(publicKey)!;
    const id = publicKeyId(key)!;
    if (id !== kid) return new KeyFault('unknownIssuer', `is signed by ${kid}, and the public key is ${id}`);
    const isGood = await verifySignature(signedBytes(message, footer), importPublicKey(key), signature);
    if (!isGood) return new KeyFault('badSignature', 'is not signed by the public key');
  }
  const members = readPayload(message);
  if (members === null) return new KeyFault('badClaims', 'holds no JSON object with each name once');
  const claims = readClaims(members);
  if (claims instanceof ClaimProblem) return new KeyFault('badClaims', `${claims.claim} ${claims.text}`);
  return { ...claims, prefix, issuer: kid };
}
