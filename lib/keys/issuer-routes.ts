import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/index.ts';
import type { AdminAnswer, AdminRequest, AdminRoute } from '../pipeline/index.ts';
import type { AuthSettings, IssuerSettings } from './auth-settings.ts';
import { decodePublicKey } from './token/paserk.ts';
import { publicKeyId } from './token/public-key-id.ts';

function idOf({ publicKey }: IssuerSettings): string {
  return publicKeyId(decodePublicKey(publicKey)!)!;
}

function shown(issuer: IssuerSettings): object {
  return {
    id: idOf(issuer),
    publicKey: issuer.publicKey,
    issuer: issuer.issuer ?? null,
    maxLifetimeSeconds: issuer.maxLifetime / 1000,
    mints: issuer.secretKey !== undefined,
  };
}

function refusal(status: number, code: string, message: string): AdminAnswer {
  return { status, body: { error: { code, message } } };
}

/** Calls that show whose keys are accepted, and mint where the config holds the secret. */
export function issuerRoutes(auth: () => AuthSettings, clock: Clock): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/issuers',
      role: 'viewer',
      summary: 'the issuers whose keys are accepted',
      run: () => ({ status: 200, body: { issuers: auth().issuers.map(shown) } }),
    },
    {
      method: 'POST',
      path: '/issuers/:issuer/keys',
      role: 'admin',
      summary:
        'mint a virtual key with an issuer whose secretKey is in the config; the key is shown this once',
      complete: withId,
      run: request => mint(request, auth(), clock),
    },
  ];
}

/** The record of the call must name the key, so it is named before. */
function withId(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body) || 'id' in body) return body;
  return { ...body, id: randomBytes(16).toString('hex') };
}

async function mint(
  { params, body }: AdminRequest,
  { issuers, audience }: AuthSettings,
  clock: Clock,
): Promise<AdminAnswer> {
  const issuer = issuers.find(candidate => idOf(candidate) === params.issuer);
  if (issuer === undefined)
    return refusal(404, 'not_found', 'there is no such issuer: GET /issuers shows them');
  if (issuer.secretKey === undefined) {
    const message = 'this gateway cannot mint for the issuer: auth.issuers[].secretKey is not in its config';
    return refusal(409, 'no_secret_key', message);
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return refusal(
      400,
      'bad_request',
      'the body must be an object such as {"subject":"alice","expires":"2030-01-01T00:00:00Z"}',
    );
  // tweetnacl is of no use to a gateway that does not mint.
  const { MintError, mintKey } = await import('./token/mint.ts');
  try {
    const claims = { issuer: issuer.issuer, audience, ...body } as Parameters<typeof mintKey>[1];
    const options = { now: new Date(clock.wallMs()), maxLifetimeMs: issuer.maxLifetime };
    return { status: 201, body: { key: mintKey(issuer.secretKey.reveal(), claims, options) } };
  } catch (error) {
    if (error instanceof MintError) return refusal(400, 'bad_request', error.message);
    throw error;
  }
}
