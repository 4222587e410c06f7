import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../base/index.ts';
import { ConfigReader, formatProblems } from '../config/index.ts';
import { dialects } from '../dialects/index.ts';
import { PROVIDER_NAME, reservedNames } from './names.ts';
import { templateVariables } from './origin.ts';
import { type ProviderRow, ROW_SCHEMA } from './row.ts';

const EXTENSION = '.yaml';

/** Every provider row of this package. */
export interface Catalogue {
  /** By name, in alphabetical order. */
  readonly rows: ReadonlyMap<string, ProviderRow>;
  /** Path prefixes that need no provider's name, with the provider's name; longest first. */
  readonly bare: readonly (readonly [prefix: string, provider: string])[];
}

/**
 * Reads and checks every row, synchronously: call it once, at start.
 * @throws where a row is not valid: the installation is broken, not the config.
 */
export function loadCatalogue(folder: string = join(packageRoot(), 'providers')): Catalogue {
  const reader = new ConfigReader<ProviderRow>(ROW_SCHEMA);
  const rows = new Map<string, ProviderRow>();
  const faults: string[] = [];
  const files = readdirSync(folder).filter(file => file.endsWith(EXTENSION));
  for (const name of files.map(file => file.slice(0, -EXTENSION.length)).sort()) {
    const result = reader.readFile(join(folder, name + EXTENSION), {});
    if (result.ok) rows.set(name, result.settings);
    else faults.push(formatProblems(result.problems));
  }
  const bare = [...rows].flatMap(([name, row]) => (row.bare ?? []).map(prefix => [prefix, name] as const));
  const reserved = reservedNames(bare.map(([prefix]) => prefix));
  for (const [name, row] of rows)
    faults.push(...rowFaults(name, row, reserved).map(fault => `${name}: ${fault}`));
  faults.push(...bareFaults(bare));
  if (faults.length > 0) throw new Error(`provider rows are not valid:\n${faults.join('\n')}`);
  return { rows, bare: bare.toSorted(([a], [b]) => b.split('/').length - a.split('/').length) };
}

/** What a schema cannot say about one row. */
function rowFaults(name: string, row: ProviderRow, reserved: ReadonlySet<string>): readonly string[] {
  const faults: string[] = [];
  if (!PROVIDER_NAME.test(name) || reserved.has(name)) faults.push('no name for a provider');
  const unknown = row.dialects.filter(family => !dialects.has(family));
  if (unknown.length > 0) faults.push(`no such dialect: ${unknown.join(', ')}`);
  if (row.auth === undefined && row.local !== true) faults.push('auth is needed but for local servers');
  if (row.origin === undefined && row.local !== true && row.scripted !== true)
    faults.push('origin is needed');
  const schemes = [row.auth, ...Object.values(row.authByPath ?? {})];
  if (schemes.includes('sigv4') !== (row.signing !== undefined)) faults.push('sigv4 and signing go together');
  if (row.signing !== undefined && row.variables?.includes('region') !== true)
    faults.push('signing needs {region}');
  const templates = [row.origin ?? '', ...(row.otherOrigins ?? []).map(other => other.origin)];
  const used = new Set(templates.flatMap(templateVariables));
  if (used.symmetricDifference(new Set(row.variables)).size > 0)
    faults.push('variables are those of the origins');
  return faults;
}

function bareFaults(bare: readonly (readonly [prefix: string, provider: string])[]): readonly string[] {
  const owners = new Map<string, string>();
  return bare.flatMap(([prefix, name]) => {
    const owner = owners.get(prefix);
    owners.set(prefix, name);
    return owner === undefined ? [] : [`${prefix} leads to both ${owner} and ${name}`];
  });
}
