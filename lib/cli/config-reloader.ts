import { type ConfigResult, formatProblems, watchFiles } from '../config/index.ts';

/** What a reload needs of its surroundings. */
export interface ReloadHost<Settings> {
  /** Reads the config anew. */
  load(): ConfigResult<Settings>;
  /** Puts the settings into service, or says why not. */
  apply(settings: Settings): Promise<ConfigResult<Settings>>;
  say(line: string): void;
}

/**
 * Reloads the config when it or a file it refers to changes, and on demand. One
 * reload at a time; those asked for meanwhile become one more. A bad file
 * leaves the old settings serving and says what is wrong.
 */
export class ConfigReloader<Settings> {
  readonly #file: string;
  readonly #host: ReloadHost<Settings>;
  #watcher: { close(): void };
  #running = false;
  #again = false;

  /** `files` are those that references in the config have read. */
  constructor(file: string, files: readonly string[], host: ReloadHost<Settings>) {
    this.#file = file;
    this.#host = host;
    this.#watcher = this.#watch(files);
  }

  /** Starts a reload, or lets the running one be followed by another. */
  reload(): void {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    void this.#run();
  }

  close(): void {
    this.#watcher.close();
  }

  #watch(files: readonly string[]): { close(): void } {
    return watchFiles([this.#file, ...files], () => this.reload());
  }

  async #run(): Promise<void> {
    do {
      this.#again = false;
      await this.#once();
    } while (this.#again);
    this.#running = false;
  }

  async #once(): Promise<void> {
    const loaded = this.#host.load();
    const result = loaded.ok ? await this.#apply(loaded.settings) : loaded;
    if (!result.ok) {
      this.#host.say(`${this.#file} was not reloaded; the settings before it still serve:`);
      this.#host.say(formatProblems(result.problems));
      return;
    }
    if (loaded.ok) {
      // The references may have changed: what is watched follows them.
      this.#watcher.close();
      this.#watcher = this.#watch(loaded.files);
      for (const warning of loaded.warnings) this.#host.say(`warning: ${warning}`);
    }
    this.#host.say(`${this.#file} was reloaded`);
  }

  async #apply(settings: Settings): Promise<ConfigResult<Settings>> {
    try {
      return await this.#host.apply(settings);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const problem = { file: this.#file, line: null, column: null, path: '', message, suggestion: null };
      return { ok: false, problems: [problem] };
    }
  }
}
