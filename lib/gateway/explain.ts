import { systemClock } from '../base/index.ts';
import type { Catalogue } from '../providers/index.ts';
import { isByo } from './assemble.ts';
import { FEATURES } from './features.ts';
import { compileSettingsProviders } from './providers.ts';
import type { Settings } from './settings.ts';

/** What the settings amount to, for `weir check --explain`: opens and writes nothing. */
export function explain(settings: Settings, catalogue: Catalogue): readonly string[] {
  const compiled = compileSettingsProviders(settings, catalogue, systemClock, null, null);
  const providers = 'providers' in compiled ? [...compiled.providers.values()] : [];
  const pooled = providers.filter(({ keys }) => keys.length > 0);
  const { staticKeys, issuers, open } = settings.auth;
  const clients = [
    ...(issuers.length > 0 ? [`keys signed by ${issuers.length} issuer(s)`] : []),
    ...(staticKeys.length > 0 ? [`${staticKeys.length} static key(s)`] : []),
    ...(isByo(settings) ? ['their own provider keys'] : []),
    ...(open ? ['no key at all where a pool key is configured'] : []),
  ];
  const on = FEATURES.filter(({ section }) => settings[section] !== undefined);
  return [
    `providers       ${providers.length}, with pool keys: ${pooled.map(({ name, keys }) => `${name} (${keys.length})`).join(', ') || 'none'}`,
    `clients bring   ${clients.join(', or ') || 'nothing that is accepted'}`,
    `a request       admit → identify → body → pool → dispatch → relay → settle`,
    ...(on.length === 0
      ? ['features        none: facts go to the log line only, nothing is written to disk']
      : []),
    ...on.flatMap(({ section, describe }) =>
      describe(settings[section] as never).map(line => `${section.padEnd(15)} ${line}`),
    ),
  ];
}
