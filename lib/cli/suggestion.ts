import { nearest } from '../config/index.ts';
import type { ProviderDescription } from '../providers/index.ts';

/** The row of that name, or how to say that there is none: with the nearest name, or the one it is an alias of. */
export function findProvider(
  rows: readonly ProviderDescription[],
  name: string,
): ProviderDescription | { readonly problem: string } {
  const row = rows.find(candidate => candidate.name === name);
  if (row !== undefined) return row;
  const owners = new Map(rows.flatMap(({ name, aliases }) => [name, ...aliases].map(word => [word, name])));
  const near = nearest(name, owners.keys());
  const hint = near === null ? '' : `\n(Did you mean ${owners.get(near)}?)`;
  return { problem: `error: no provider is called '${name}'${hint}\n` };
}
