import type { Provider } from '../pipeline/index.ts';
import type { CompiledProviders } from '../providers/index.ts';
import type { Settings } from './settings.ts';

/** Whether a credential of ours exists: a key that we signed, or a static one. */
export function hasOwnKeys({ auth }: Settings): boolean {
  return auth.staticKeys.length > 0 || auth.issuers.length > 0;
}

/** Whether clients may bring their own provider keys (CONTRACT §2). */
export function isByo(settings: Settings): boolean {
  return settings.auth.byo ?? !hasOwnKeys(settings);
}

/** Whether a provider is served to whoever asks, without a credential of ours (CONTRACT §1). */
export function isOpenTo(settings: Settings, { keys, scheme }: Provider): boolean {
  const { open } = settings.auth;
  return (open && keys.length > 0) || (scheme.name === 'none' && (open || isByo(settings)));
}

/** Whether keys may bring limits of their own. */
export function grantsMayLimit({ auth }: Settings): boolean {
  return auth.issuers.length > 0 || auth.staticKeys.some(({ grant }) => grant !== undefined);
}

/** Whether it must be remembered which pool key made what a provider stored: only where one has two keys. */
export function remembersState({ providers }: CompiledProviders): boolean {
  return [...providers.values()].some(({ keys }) => keys.length > 1);
}
