import { readFile } from 'node:fs/promises';

/** The version in a package.json, or null if it is not there. */
export async function installedVersion(packageJson: URL): Promise<string | null> {
  try {
    return (JSON.parse(await readFile(packageJson, 'utf8')) as { version: string }).version;
  } catch {
    return null;
  }
}

/** The version of a package installed for the bench. */
export function benchPackageVersion(name: string): Promise<string | null> {
  return installedVersion(new URL(`../../node_modules/${name}/package.json`, import.meta.url));
}
