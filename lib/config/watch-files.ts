import { type FSWatcher, lstatSync, readlinkSync, realpathSync, statSync, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';

export interface WatchOptions {
  /** Quiet time after the last change of a burst before `onChange` is called. Default 200. */
  readonly debounceMs?: number;
  /** How often files are looked at where no events come: network mounts, exhausted watches. Default 2000. */
  readonly pollMs?: number;
}

const MAX_LINKS = 16;

/**
 * Calls `onChange` once after each burst of changes to any of the files:
 * written in place, replaced by rename, deleted, created, or reached through
 * symbolic links that now lead elsewhere. Folders are watched rather than
 * files, since a replaced file takes its watch with it; what decides is a
 * comparison of file states, made on events and every `pollMs`. Does not keep
 * the process alive.
 */
export function watchFiles(
  files: readonly string[],
  onChange: () => void,
  options: WatchOptions = {},
): { close(): void } {
  const watcher = new FileWatcher(
    files.map(file => resolve(file)),
    onChange,
    options,
  );
  return { close: () => watcher.close() };
}

class FileWatcher {
  readonly #files: readonly string[];
  readonly #onChange: () => void;
  readonly #debounceMs: number;
  readonly #poll: NodeJS.Timeout;
  readonly #folders = new Map<string, FSWatcher>();
  /** As last told to the caller. */
  #reported: string;
  /** As last seen, in the middle of a burst. */
  #seen: string;
  #debounce: NodeJS.Timeout | null = null;
  #isClosed = false;

  constructor(files: readonly string[], onChange: () => void, options: WatchOptions) {
    this.#files = files;
    this.#onChange = onChange;
    this.#debounceMs = options.debounceMs ?? 200;
    // Watch first: a change between the two steps then draws an event.
    this.#watchFolders();
    this.#reported = this.#seen = this.#state();
    this.#poll = setInterval(() => this.#look(), options.pollMs ?? 2000).unref();
  }

  close(): void {
    this.#isClosed = true;
    clearInterval(this.#poll);
    if (this.#debounce !== null) clearTimeout(this.#debounce);
    for (const folder of this.#folders.values()) folder.close();
    this.#folders.clear();
  }

  #look(): void {
    if (this.#isClosed) return;
    const state = this.#state();
    if (state === this.#seen) return;
    this.#seen = state;
    this.#watchFolders();
    this.#waitForQuiet();
  }

  #waitForQuiet(): void {
    if (this.#debounce !== null) clearTimeout(this.#debounce);
    this.#debounce = setTimeout(() => {
      this.#debounce = null;
      this.#look();
      if (this.#debounce !== null || this.#seen === this.#reported) return;
      this.#reported = this.#seen;
      this.#onChange();
    }, this.#debounceMs).unref();
  }

  #state(): string {
    return this.#files.map(fileState).join('\n');
  }

  /** Anew each time: a watch on a folder that was replaced is deaf, and does not say so. */
  #watchFolders(): void {
    for (const folder of this.#folders.values()) folder.close();
    this.#folders.clear();
    for (const folder of new Set(this.#files.flatMap(foldersOf))) this.#watchFolder(folder);
  }

  #watchFolder(folder: string): void {
    try {
      const watcher = watch(folder, { persistent: false }, () => this.#look());
      // A watch that ends (its folder went away) leaves the poll, which starts another.
      watcher.on('error', () => this.#drop(folder));
      this.#folders.set(folder, watcher);
    } catch {
      // No folder yet, or no watches left: the poll alone sees the change.
    }
  }

  #drop(folder: string): void {
    this.#folders.get(folder)?.close();
    this.#folders.delete(folder);
  }
}

function fileState(file: string): string {
  try {
    const stat = statSync(file, { bigint: true });
    return `${stat.dev}:${stat.ino}:${stat.size}:${stat.mtimeNs}`;
  } catch {
    return 'absent';
  }
}

/** The folder of a file, and of everything its symbolic links pass through. */
function foldersOf(file: string): string[] {
  const folders = new Set<string>();
  let at = file;
  try {
    for (let hops = 0; hops < MAX_LINKS; hops++) {
      folders.add(dirname(at));
      if (!lstatSync(at).isSymbolicLink()) break;
      at = resolve(dirname(at), readlinkSync(at));
    }
    folders.add(dirname(realpathSync(file)));
  } catch {
    // Absent or broken: what was found so far is where it may appear.
  }
  return [...folders];
}
