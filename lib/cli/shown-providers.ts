import type { Settings } from '../gateway/index.ts';
import { type Catalogue, describeProviders, type ProviderDescription } from '../providers/index.ts';
import type { FirstScreen, ShownProvider } from './first-screen.ts';

const SHOWN_MAX = 8;

/** What the first screen says of these settings: the demo, the providers worth a line, whose key they want. */
export function shownProviders(
  settings: Settings,
  catalogue: Catalogue,
): Pick<FirstScreen, 'demo' | 'providers' | 'key'> {
  const { byo, open, staticKeys, issuers } = settings.auth;
  const key = staticKeys.length + issuers.length > 0 ? 'client' : open && byo !== true ? 'none' : 'own';
  const isScripted = (name: string): boolean => catalogue.rows.get(name)?.scripted === true;
  const names = Object.keys(settings.providers ?? {});
  const rows = describeProviders(catalogue);
  const demo =
    settings.withoutFile === true
      ? rows.find(({ name }) => isScripted(name))?.name
      : names.find(name => isScripted(name));
  const configured = names.filter(name => !isScripted(name)).slice(0, SHOWN_MAX);
  const providers =
    configured.length === 0
      ? onePerDialect(rows.filter(({ name }) => !isScripted(name)))
      : configured.map(name => {
          const row = rows.find(candidate => candidate.name === name);
          return { name, clients: row?.clients ?? [{ tool: name, base: '' }] };
        });
  return { demo: demo ?? null, providers, key };
}

/**
 * One provider for each dialect, among those that need no settings: the one
 * that has bare paths where there is one, else the first by name. Of each, the
 * tools that no provider before it has shown and that want the same base URL.
 */
function onePerDialect(rows: readonly ProviderDescription[]): readonly ShownProvider[] {
  const ready = rows.filter(row => row.needs.length === 0);
  const chosen = new Map<string, ProviderDescription>();
  for (const row of [...ready.filter(({ bare }) => bare.length > 0), ...ready]) {
    const dialect = row.dialects[0]!;
    if (!chosen.has(dialect)) chosen.set(dialect, row);
  }
  const shown = new Set<string>();
  return [...chosen.values()].slice(0, SHOWN_MAX).map(({ name, clients }) => {
    const fresh = clients.filter(({ tool }) => !shown.has(tool));
    const together = fresh.filter(({ base }) => base === fresh[0]!.base);
    for (const { tool } of together) shown.add(tool);
    return { name, clients: together };
  });
}
