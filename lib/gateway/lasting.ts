import { basename, dirname, join } from 'node:path';
import { BadCredentialBudget, type Clock, type Secret } from '../base/index.ts';
import { installationSecret, openVirtualKeys, type VirtualKeys } from '../keys/index.ts';
import { BodyRoom } from '../proxy/index.ts';
import type { UsageSettings } from '../usage/index.ts';
import type { Settings } from './settings.ts';
import { settingsDigest } from './settings-digest.ts';

/** What of identification and bodies outlives a reload that does not concern it: names, counts, verified keys. */
export interface Lasting {
  readonly secretFile: string | null;
  /** Keys the HMAC that names BYO keys in facts. */
  readonly installationSecret: Secret;
  readonly badCredentialsPerAddress: number;
  readonly badCredentials: BadCredentialBudget;
  readonly authDigest: string;
  readonly virtualKeys: VirtualKeys;
  readonly bodyRoom: BodyRoom;
}

/** Beside the journal's folder where there is one, so that BYO keys keep their name in facts. */
function secretFileOf(usage: UsageSettings | undefined): string | null {
  if (usage === undefined || usage.journal === 'none') return null;
  return join(dirname(usage.journal), `${basename(usage.journal)}.secret`);
}

/** Takes over from `before` what the settings leave as it was. */
export async function lastingOf(settings: Settings, clock: Clock, before: Lasting | null): Promise<Lasting> {
  const { auth, limits, usage } = settings;
  const secretFile = secretFileOf(usage as UsageSettings | undefined);
  const { badCredentialsPerAddress, bodiesInHandBytes } = limits;
  const authDigest = settingsDigest([auth.issuers, auth.prefixes, auth.audience ?? null]);
  // Where keys must be verified anew, an address that has guessed must not keep good ones out.
  const isSameAuth = before !== null && before.authDigest === authDigest;
  return {
    secretFile,
    installationSecret:
      before !== null && before.secretFile === secretFile
        ? before.installationSecret
        : installationSecret(secretFile),
    badCredentialsPerAddress,
    badCredentials:
      isSameAuth && before.badCredentialsPerAddress === badCredentialsPerAddress
        ? before.badCredentials
        : new BadCredentialBudget(badCredentialsPerAddress, clock),
    authDigest,
    bodyRoom:
      before?.bodyRoom.bytesMax === bodiesInHandBytes ? before.bodyRoom : new BodyRoom(bodiesInHandBytes),
    virtualKeys: isSameAuth ? before.virtualKeys : await openVirtualKeys(auth, clock),
  };
}
