import { Secret } from '../../lib/base/index.ts';
import { dialects } from '../../lib/dialects/index.ts';
import type { Provider } from '../../lib/pipeline/index.ts';
import {
  type Catalogue,
  type CompiledProviders,
  compileProviders,
  loadCatalogue,
  type ProviderProblem,
  type ProvidersSettings,
  type ProviderTools,
} from '../../lib/providers/index.ts';

export const catalogue: Catalogue = loadCatalogue();

export const tools: ProviderTools = {
  clock: { wallMs: () => 0, monotonicMs: () => 0 },
  postForm: () => Promise.reject(new Error('no network here')),
  scriptedOrigin: null,
  priceFile: null,
};

/** Values for the variables of every row, so that all of them compile. */
const VARIABLE_VALUES: Readonly<Record<string, string>> = {
  region: 'eu-west-1',
  resource: 'acme',
  location: 'europe-west4',
};

export function secret(value: string): Secret {
  return new Secret(value);
}

export function compile(section: ProvidersSettings | null, own: Partial<ProviderTools> = {}) {
  return compileProviders(catalogue, section, dialects, { ...tools, ...own });
}

/** Compiles a section that is right. */
export function compiled(
  section: ProvidersSettings | null,
  own: Partial<ProviderTools> = {},
): CompiledProviders {
  const result = compile(section, own);
  if ('providers' in result) return result;
  throw new Error(`problems: ${JSON.stringify(result)}`);
}

/** Compiles a section with something wrong in it. */
export function problems(section: ProvidersSettings): readonly ProviderProblem[] {
  const result = compile(section);
  if ('providers' in result) throw new Error('no problems');
  return result;
}

export function provider(name: string, section: ProvidersSettings | null = null): Provider {
  const found = compiled(section).providers.get(name);
  if (found === undefined) throw new Error(`${name} is not loaded`);
  return found;
}

/** Every row, with what config has to give. */
export function everyProvider(): CompiledProviders {
  const section = Object.fromEntries(
    [...catalogue.rows].map(([name, row]) => {
      const origin =
        row.origin === undefined && row.scripted !== true ? { origin: 'http://127.0.0.1:9' } : {};
      const wanted = (row.variables ?? []).filter(variable => row.origin?.includes(`{${variable}}`) === true);
      return [
        name,
        { ...origin, ...Object.fromEntries(wanted.map(variable => [variable, VARIABLE_VALUES[variable]])) },
      ];
    }),
  );
  return compiled(section, { scriptedOrigin: 'http://127.0.0.1:9' });
}
