import type { AdminAnswer } from '../../pipeline/index.ts';
import type { AuthSettings, IssuerSettings } from '../auth-settings.ts';
import type { InspectedKey } from '../token/inspect-key.ts';
import { decodePublicKey } from '../token/paserk.ts';
import { publicKeyId } from '../token/public-key-id.ts';

/** PASERK id of an issuer of the config. */
export function issuerIdOf({ publicKey }: IssuerSettings): string {
  return publicKeyId(decodePublicKey(publicKey)!)!;
}

export function refusal(status: number, code: string, message: string): AdminAnswer {
  return { status, body: { error: { code, message } } };
}

export const NO_SECRET_KEY =
  'this gateway cannot mint for the issuer: auth.issuers[].secretKey is not in its config';

/**
 * Mints a key, or gives the answer that says what is wrong with the claims.
 * `iss` and `aud` are the gateway's own where the claims leave them open.
 *
 * @param claims as `mintKey` takes them, not judged yet.
 */
export async function makeKey(
  issuer: IssuerSettings,
  { audience }: AuthSettings,
  claims: object,
  nowMs: number,
): Promise<{ readonly key: string; readonly said: InspectedKey } | AdminAnswer> {
  if (issuer.secretKey === undefined) return refusal(409, 'no_secret_key', NO_SECRET_KEY);
  // tweetnacl is of no use to a gateway that does not mint.
  const [{ MintError, mintKey }, { inspectKey }] = await Promise.all([
    import('../token/mint.ts'),
    import('../token/inspect-key.ts'),
  ]);
  try {
    const all = { issuer: issuer.issuer, audience, ...claims } as Parameters<typeof mintKey>[1];
    const options = { now: new Date(nowMs), maxLifetimeMs: issuer.maxLifetime };
    const key = mintKey(issuer.secretKey.reveal(), all, options);
    return { key, said: (await inspectKey(key, null)) as InspectedKey };
  } catch (error) {
    if (error instanceof MintError) return refusal(400, 'bad_request', error.message);
    throw error;
  }
}
