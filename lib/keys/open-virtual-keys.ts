import type { Clock } from '../base/index.ts';
import type { AuthSettings } from './auth-settings.ts';
import { USUAL_PREFIX } from './token/key-form.ts';
import { NoVirtualKeys, type VirtualKeys } from './virtual-keys.ts';

/** The virtual keys of a config. `keepsBudgets`: what they may use in a span of time is counted. What verifies them is loaded only where there is an issuer. */
export async function openVirtualKeys(
  auth: AuthSettings,
  clock: Clock,
  keepsBudgets: boolean,
): Promise<VirtualKeys> {
  const prefixes = [USUAL_PREFIX, ...auth.prefixes];
  if (auth.issuers.length === 0) return new NoVirtualKeys(prefixes);
  const [{ KeyVerifier }, { IssuedKeys, principalOf }] = await Promise.all([
    import('./token/key-verifier.ts'),
    import('./issued-keys.ts'),
  ]);
  const verifier = new KeyVerifier({
    issuers: auth.issuers.map(({ publicKey, issuer, maxLifetime }) => ({
      publicKey,
      maxLifetimeMs: maxLifetime,
      ...(issuer === undefined ? {} : { issuer }),
    })),
    prefixes,
    audience: auth.audience ?? null,
    clock,
    keepsBudgets,
    admit: principalOf,
  });
  return new IssuedKeys(verifier);
}
