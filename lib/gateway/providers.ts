import type { Clock } from '../base/index.ts';
import { dialects } from '../dialects/index.ts';
import {
  type Catalogue,
  type CompiledProviders,
  compileProviders,
  type PriceFile,
  type ProviderProblem,
} from '../providers/index.ts';
import { postForm } from '../proxy/index.ts';
import type { Settings } from './settings.ts';

/** Whether the settings ask for the built-in scripted origin, which is then to be started first. */
export function wantsScripted(settings: Settings, catalogue: Catalogue): boolean {
  if (settings.providers === undefined) return settings.withoutFile === true;
  return Object.keys(settings.providers).some(name => catalogue.rows.get(name)?.scripted === true);
}

/**
 * Compiles the provider rows with the `providers` section, or tells what is
 * wrong with it. `priceFile` is what `usage.prices` names, null where it names
 * nothing or prices are of no interest.
 */
export function compileSettingsProviders(
  settings: Settings,
  catalogue: Catalogue,
  clock: Clock,
  scriptedOrigin: string | null,
  priceFile: PriceFile | null,
): CompiledProviders | readonly ProviderProblem[] {
  return compileProviders(catalogue, settings.providers ?? null, dialects, {
    clock,
    scriptedOrigin,
    postForm,
    priceFile,
  });
}
