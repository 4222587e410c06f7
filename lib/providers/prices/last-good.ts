import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type PriceFile, parsePriceFile } from './price-file.ts';

/** The last list that was good, as it came. */
export interface LastGood {
  readonly text: string;
  readonly validator: string | null;
  /** When its source last gave it, unix time in milliseconds. */
  readonly readMs: number;
}

/** A source's name in the file: an address may hold a token. */
function nameOf(setting: string): string {
  return createHash('sha256').update(setting).digest('hex');
}

/** What the file keeps of this very source; null where there is none, or it is damaged. */
async function readLastGood(path: string, setting: string): Promise<LastGood | null> {
  try {
    const kept = JSON.parse(await readFile(path, 'utf8')) as Partial<Record<string, unknown>>;
    const { source, sha256, validator, readMs, text } = kept;
    if (source !== nameOf(setting) || typeof text !== 'string' || typeof readMs !== 'number') return null;
    if (sha256 !== nameOf(text)) return null;
    return { text, readMs, validator: typeof validator === 'string' ? validator : null };
  } catch {
    return null;
  }
}

/** The list that the file keeps of this source, compiled; null where there is none. */
export async function readKeptPrices(
  path: string,
  setting: string,
): Promise<{ readonly file: PriceFile; readonly readMs: number; readonly validator: string | null } | null> {
  const kept = await readLastGood(path, setting);
  const file = kept === null ? null : parsePriceFile(kept.text);
  if (kept === null || file === null || typeof file === 'string') return null;
  return { file, readMs: kept.readMs, validator: kept.validator };
}

/** Replaces the file in one step. Rejects with the system's error. */
export async function writeLastGood(path: string, setting: string, good: LastGood): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o750 });
  const draft = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  const kept = { source: nameOf(setting), sha256: nameOf(good.text), ...good };
  try {
    const file = await open(draft, 'wx', 0o640);
    try {
      await file.writeFile(JSON.stringify(kept));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await unlink(draft).catch(() => {});
    throw error;
  }
}
