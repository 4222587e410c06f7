/*
 * What a gateway that mints nothing never needs, and so never loads: the
 * packages that sign and name keys.
 */

export function loadMint(): Promise<typeof import('./mint.ts')> {
  return import('./mint.ts');
}

export function loadInspectKey(): Promise<typeof import('./inspect-key.ts')> {
  return import('./inspect-key.ts');
}
