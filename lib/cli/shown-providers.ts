import type { Settings } from '../gateway/index.ts';
import { describeProviders, loadCatalogue, type ProviderDescription } from '../providers/index.ts';
import type { FirstScreen, ShownProvider } from './first-screen.ts';

const SHOWN_MAX = 8;

/** The name of the scripted provider where these settings serve it, else null. */
export function demoName(settings: Settings): string | null {
  for (const [name, row] of loadCatalogue().rows) {
    if (row.scripted !== true) continue;
    if (settings.withoutFile === true || settings.providers?.[name] !== undefined) return name;
  }
  return null;
}

/** The providers worth a line at the start, and which key their tools must have. */
export function shownProviders(settings: Settings): Pick<FirstScreen, 'providers' | 'key'> {
  const { byo, open, staticKeys } = settings.auth;
  const key = staticKeys.length > 0 ? 'client' : open && byo !== true ? 'none' : 'own';
  const catalogue = loadCatalogue();
  const rows = describeProviders(catalogue).filter(({ name }) => catalogue.rows.get(name)?.scripted !== true);
  const configured = Object.keys(settings.providers ?? {}).filter(
    name => catalogue.rows.get(name)?.scripted !== true,
  );
  if (configured.length === 0) return { key, providers: onePerDialect(rows) };
  const providers = configured.slice(0, SHOWN_MAX).map((name): ShownProvider => {
    const row = rows.find(candidate => candidate.name === name);
    return { name, clients: row?.clients ?? [{ tool: name, base: '' }] };
  });
  return { key, providers };
}

/**
 * One provider for each dialect, among those that need no settings: the one
 * that has bare paths where there is one, else the first by name.
 */
function onePerDialect(rows: readonly ProviderDescription[]): readonly ProviderDescription[] {
  const ready = rows.filter(row => row.needs.length === 0);
  const chosen = new Map<string, ProviderDescription>();
  for (const row of [...ready.filter(({ bare }) => bare.length > 0), ...ready]) {
    const dialect = row.dialects[0]!;
    if (!chosen.has(dialect)) chosen.set(dialect, row);
  }
  return [...chosen.values()].slice(0, SHOWN_MAX);
}
