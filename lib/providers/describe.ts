import type { AuthSchemeName } from '../pipeline/index.ts';
import type { Catalogue } from './catalogue.ts';
import { templateVariables } from './origin.ts';
import type { ClientHint, OtherOrigin } from './row.ts';

/** A row as `weir providers` shows it: plain data, ready for JSON. */
export interface ProviderDescription {
  readonly name: string;
  readonly title: string;
  readonly aliases: readonly string[];
  /** Null where config must give it, or where it is only known at run time. */
  readonly origin: string | null;
  readonly otherOrigins: readonly OtherOrigin[];
  /** What config must give before the provider is there: `origin`, or the variables of its origin. */
  readonly needs: readonly string[];
  readonly auth: AuthSchemeName;
  readonly local: boolean;
  readonly dialects: readonly string[];
  readonly bare: readonly string[];
  readonly clients: readonly ClientHint[];
  readonly models: string | null;
  /** False where origin, auth or base paths are second-hand. */
  readonly verified: boolean;
  readonly unverified: readonly string[];
  readonly notes: readonly string[];
  readonly docs: readonly string[];
}

/** All rows, by name. */
export function describeProviders(catalogue: Catalogue): readonly ProviderDescription[] {
  return [...catalogue.rows].map(([name, row]) => {
    const unverified = row.unverified ?? [];
    return {
      name,
      title: row.title,
      aliases: row.aliases ?? [],
      origin: row.origin ?? null,
      otherOrigins: row.otherOrigins ?? [],
      needs:
        row.origin === undefined && row.scripted !== true ? ['origin'] : templateVariables(row.origin ?? ''),
      auth: row.auth ?? 'none',
      local: row.local === true,
      dialects: row.dialects,
      bare: row.bare ?? [],
      clients: row.clients,
      models: row.models ?? null,
      verified: unverified.every(fact => fact === 'models'),
      unverified,
      notes: row.notes ?? [],
      docs: row.docs ?? [],
    };
  });
}
