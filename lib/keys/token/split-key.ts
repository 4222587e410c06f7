import { KeyFault } from './key-fault.ts';
import { KEY_CHARS_MAX } from './key-form.ts';
import { isPublicKeyId } from './paserk.ts';
import { PASETO_HEADER, type PasetoParts, splitPaseto } from './paseto.ts';
import { readPayload } from './payload.ts';

const FOOTER_BYTES_MAX = 256;

/** A virtual key taken apart; nothing of it is trusted yet. */
export interface KeyParts extends PasetoParts {
  readonly prefix: string;
  /** PASERK id of the issuer it claims. */
  readonly kid: string;
}

/** Takes a key apart by its form alone. The prefix is for the caller to judge. */
export function splitKey(value: string): KeyParts | KeyFault {
  if (value.length > KEY_CHARS_MAX) return tooLong();
  const start = value.indexOf(PASETO_HEADER);
  if (start === -1) return malformed(`does not say ${PASETO_HEADER} after its prefix`);
  const parts = splitPaseto(value.slice(start));
  if (parts === null) return malformed('is not a v4.public token in canonical base64url');
  const kid = kidOf(parts.footer);
  if (kid === null) return malformed('has no footer that is exactly {"kid":"k4.pid.…"}');
  return { ...parts, prefix: value.slice(0, start), kid };
}

/** The refusal of what is longer than a key may be, before anything of it is read. */
export function tooLong(): KeyFault {
  return malformed(`is longer than ${KEY_CHARS_MAX} characters`);
}

/** White space, as some libraries write it, makes no other footer: the signature covers its bytes. */
function kidOf(footer: Uint8Array): string | null {
  const members = footer.length > FOOTER_BYTES_MAX ? null : readPayload(footer);
  const kid = members?.size === 1 ? members.get('kid') : undefined;
  return typeof kid === 'string' && isPublicKeyId(kid) ? kid : null;
}

function malformed(detail: string): KeyFault {
  return new KeyFault('malformed', detail);
}
