import { ConfigReader, type ConfigResult, type Environment } from '../config/index.ts';
import { type Catalogue, loadCatalogue } from '../providers/index.ts';
import { checkSettings } from './check-settings.ts';
import { configSchema, type Settings } from './settings.ts';

/** Where a config comes from: a file, an object of the same shape, or (null) nowhere. */
export type SettingsSource = { readonly file: string } | { readonly object: unknown } | null;

/** Reads configs for one process: the provider rows and the compiled schema are made once. */
export class SettingsLoader {
  readonly catalogue: Catalogue;
  readonly #reader: ConfigReader<Settings>;
  readonly #env: Environment;

  /** @throws where this package's own provider rows are broken. */
  constructor(env: Environment) {
    this.catalogue = loadCatalogue();
    this.#env = env;
    this.#reader = new ConfigReader<Settings>(configSchema(this.catalogue), settings =>
      checkSettings(settings, this.catalogue),
    );
  }

  /** Settings with every default filled in, or every problem found. */
  load(source: SettingsSource): ConfigResult<Settings> {
    if (source !== null && 'file' in source) return this.#reader.readFile(source.file, this.#env);
    const context = { file: null, baseDir: process.cwd(), env: this.#env };
    const result = this.#reader.readObject(source === null ? {} : source.object, context);
    if (source !== null || !result.ok) return result;
    return { ...result, settings: Object.freeze({ ...result.settings, withoutFile: true }) };
  }
}
