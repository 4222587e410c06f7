import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The version of this package: from the nearest package.json above, which differs between `lib/` and `dist/lib/`. */
export function packageVersion(): string {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const text = readIfThere(join(folder, 'package.json'));
    if (text !== null) return (JSON.parse(text) as { version: string }).version;
    if (folder === dirname(folder)) throw new Error('package.json is missing above the command line');
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
