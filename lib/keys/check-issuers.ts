import type { SettingsFault } from '../config/index.ts';
import type { AuthSettings } from './auth-settings.ts';
import { decodeSecretKey, encodePublicKey, PUBLIC_KEY_BYTES } from './token/paserk.ts';
import { checkPublicKey } from './token/public-key.ts';

/** What no schema can say about the issuers. */
export function checkIssuers({ issuers }: AuthSettings): readonly SettingsFault[] {
  const faults: SettingsFault[] = [];
  const seen = new Set<string>();
  issuers.forEach(({ publicKey, secretKey }, i) => {
    const refuse = (member: string, message: string): void =>
      void faults.push({ path: ['auth', 'issuers', i, member], message });
    const problem = checkPublicKey(publicKey);
    if (problem !== null) refuse('publicKey', `this key ${problem}`);
    else if (seen.has(publicKey)) refuse('publicKey', 'this key is listed twice');
    seen.add(publicKey);
    if (secretKey === undefined) return;
    const secret = decodeSecretKey(secretKey.reveal());
    if (secret === null) refuse('secretKey', 'this is not a secret key in the form k4.secret.…');
    else if (encodePublicKey(secret.subarray(-PUBLIC_KEY_BYTES)) !== publicKey)
      refuse('secretKey', 'this secret key belongs to another public key');
  });
  return faults;
}
