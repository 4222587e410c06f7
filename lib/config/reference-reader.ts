import { isAbsolute, resolve } from 'node:path';
import { Secret } from '../base/index.ts';
import { nearest } from './nearest.ts';
import { isPlainName, showPath } from './plain-name.ts';
import { readCapped } from './read-capped.ts';

/** Environment variables as the caller holds them; the CLI passes `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

export type Resolved<T> =
  | { readonly ok: true; readonly value: T; readonly warning: string | null }
  | { readonly ok: false; readonly message: string; readonly suggestion: string | null };

/** The usual form of a variable's name; a credential has no underscores between short words. */
const VARIABLE = /^[A-Z][A-Z0-9]{0,15}(?:_[A-Z0-9]{1,15})*$/;

/** Follows `env:NAME` and `file:PATH` for one config, and keeps a list of the files it read. */
export class ReferenceReader {
  /** Absolute paths, also of files that could not be read. */
  readonly files = new Set<string>();
  readonly #baseDir: string;
  readonly #env: Environment;

  constructor(baseDir: string, env: Environment) {
    this.#baseDir = resolve(baseDir);
    this.#env = env;
  }

  /** A relative path counts from the folder of the config file. */
  resolvePath(path: string): string {
    return resolve(this.#baseDir, path);
  }

  /** `env:NAME` or `file:PATH` → the secret, without the newlines at its end. */
  readSecret(reference: string): Resolved<Secret> {
    const [scheme, name] = split(reference);
    if (scheme === 'env') return this.#readVariable(name);
    const file = this.#readFile(name);
    if (!file.ok) return file;
    return secretFrom(
      file.value.text,
      `the file ${this.#show(name)}`,
      this.#modeWarning(name, file.value.mode),
    );
  }

  /** `file:PATH` → its text as it is. */
  readText(reference: string): Resolved<string> {
    const file = this.#readFile(split(reference)[1]);
    return file.ok ? { ok: true, value: file.value.text, warning: null } : file;
  }

  #readVariable(name: string): Resolved<Secret> {
    const isShown = VARIABLE.test(name) || isPlainName(name);
    const what = isShown ? `the environment variable ${name}` : 'the environment variable named here';
    const value = Object.hasOwn(this.#env, name) ? this.#env[name] : undefined;
    if (value !== undefined) return secretFrom(value, what, null);
    const near = isShown
      ? nearest(
          name,
          Object.keys(this.#env).filter(other => VARIABLE.test(other)),
        )
      : null;
    return { ok: false, message: `${what} is not set`, suggestion: near === null ? null : `env:${near}` };
  }

  #readFile(path: string): Resolved<{ text: string; mode: number }> {
    const absolute = this.resolvePath(path);
    this.files.add(absolute);
    // A path with NUL reaches no file; `open` would throw on it.
    const file = path.includes('\0') ? null : readCapped(absolute);
    if (file?.ok === true) return { ok: true, value: file, warning: null };
    const reason = file?.reason ?? 'does not exist';
    return { ok: false, message: `the file ${this.#show(path)} ${reason}`, suggestion: null };
  }

  #modeWarning(path: string, mode: number): string | null {
    // Windows has no permission bits.
    if ((mode & 0o077) === 0 || process.platform === 'win32') return null;
    const octal = mode.toString(8).padStart(4, '0');
    return `the file ${this.#show(path)} can be read by other users (mode ${octal}): chmod 600 it`;
  }

  #show(path: string): string {
    return isAbsolute(path) ? showPath(path) : `${showPath(path)} in ${this.#baseDir}`;
  }
}

function split(reference: string): [scheme: string, name: string] {
  const colon = reference.indexOf(':');
  return [reference.slice(0, colon), reference.slice(colon + 1)];
}

function secretFrom(text: string, what: string, warning: string | null): Resolved<Secret> {
  const value = text.replace(/[\r\n]+$/, '');
  if (value.trim() === '') return { ok: false, message: `${what} is empty`, suggestion: null };
  return { ok: true, value: new Secret(value), warning };
}
