import { open, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { StoreResult } from '../../store/index.ts';
import { syncFolder } from '../sync-folder.ts';

type Positions = ReadonlyMap<string, number>;

/** Where a sink's cursors are kept: beside the folder of the journal that it reads. */
export function cursorFileOf(journal: string, sink: string): string {
  return join(dirname(journal), `${basename(journal)}.${sink}.cursor`);
}

/** How far a sink has come in each segment, in a file that is replaced in one step. */
export class CursorFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Nothing where there is no file yet. One that cannot be read is a problem, not a new beginning. */
  async read(): Promise<StoreResult<Positions>> {
    let text: string;
    try {
      text = await readFile(this.#path, 'utf8');
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      return code === 'ENOENT' ? { ok: true, value: new Map() } : { ok: false, problem: message };
    }
    const positions = positionsOf(text);
    if (positions !== null) return { ok: true, value: positions };
    const problem = `${this.#path} is damaged: remove it to have everything in the journal sent again`;
    return { ok: false, problem };
  }

  /** The problem, or null once it would survive a power cut. */
  async write(positions: Positions): Promise<string | null> {
    const text = `${JSON.stringify({ v: 1, positions: Object.fromEntries(positions) })}\n`;
    const next = `${this.#path}.tmp`;
    try {
      const handle = await open(next, 'w', 0o640);
      try {
        await handle.writeFile(text);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      await rename(next, this.#path);
      await syncFolder(dirname(this.#path));
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }
}

function positionsOf(text: string): Positions | null {
  try {
    const { v, positions } = JSON.parse(text) as { v: unknown; positions: Readonly<Record<string, unknown>> };
    const entries = Object.entries(positions);
    const isSound = ([, at]: readonly [string, unknown]): boolean =>
      Number.isSafeInteger(at) && Number(at) >= 0;
    return v === 1 && entries.every(isSound) ? new Map(entries as [string, number][]) : null;
  } catch {
    return null;
  }
}
