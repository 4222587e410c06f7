import { randomBytes } from 'node:crypto';
import type { Clock } from '../base/index.ts';
import type { AdminAnswer, AdminRequest, AdminRoute } from '../pipeline/index.ts';
import type { AuthSettings, IssuerSettings } from './auth-settings.ts';
import { issuerIdOf, makeKey, NO_SECRET_KEY, refusal } from './records/key-maker.ts';

function shown(issuer: IssuerSettings): object {
  return {
    id: issuerIdOf(issuer),
    publicKey: issuer.publicKey,
    issuer: issuer.issuer ?? null,
    maxLifetimeSeconds: issuer.maxLifetime / 1000,
    mints: issuer.secretKey !== undefined,
  };
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
        'mint a virtual key without a record, with an issuer whose secretKey is in the config; shown this once',
      complete: withId,
      run: request => mint(request, auth(), clock),
    },
  ];
}

/** The record of the call must name the key, so it is named before. */
export function withId(body: unknown): unknown {
  if (typeof body !== 'object' || body === null || Array.isArray(body) || 'id' in body) return body;
  return { ...body, id: randomBytes(16).toString('hex') };
}

async function mint({ params, body }: AdminRequest, auth: AuthSettings, clock: Clock): Promise<AdminAnswer> {
  const issuer = auth.issuers.find(candidate => issuerIdOf(candidate) === params.issuer);
  if (issuer === undefined)
    return refusal(404, 'not_found', 'there is no such issuer: GET /issuers shows them');
  if (issuer.secretKey === undefined) return refusal(409, 'no_secret_key', NO_SECRET_KEY);
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return refusal(
      400,
      'bad_request',
      'the body must be an object such as {"subject":"alice","expires":"2030-01-01T00:00:00Z"}',
    );
  const made = await makeKey(issuer, auth, body, clock.wallMs());
  return 'key' in made ? { status: 201, body: { key: made.key } } : made;
}
