import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { Secret } from '../base/index.ts';

const BYTES = 32;

/**
 * The secret under which BYO keys are named in facts. In a file it outlives the
 * process, so the same key has the same name tomorrow; without one it is new at
 * every start and nothing is written.
 */
export function installationSecret(file: string | null): Secret {
  const fresh = randomBytes(BYTES).toString('hex');
  if (file === null) return new Secret(fresh);
  mkdirSync(dirname(file), { recursive: true, mode: 0o750 });
  const draft = `${file}.${process.pid}.tmp`;
  writeFileSync(draft, `${fresh}\n`, { mode: 0o600 });
  try {
    // link(2) fails if the file is there: of two processes starting at once, one wins whole.
    linkSync(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    unlinkSync(draft);
  }
  return new Secret(readFileSync(file, 'utf8').trim());
}
