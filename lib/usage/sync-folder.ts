import { open } from 'node:fs/promises';

/** The names of new files must outlive a power cut as well as their contents do. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    await handle.sync().finally(() => handle.close());
  } catch {
    // Not every platform lets a folder be opened.
  }
}
