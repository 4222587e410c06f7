import { Secret } from '../base/index.ts';
import { FORBIDDEN_KEY_MESSAGE, isForbiddenKey, MAX_DEPTH, MAX_VALUES } from './fault.ts';

const MAX_FAULTS = 20;

/** Keys, and list indexes as numbers. */
type Path = readonly (string | number)[];

export interface CopyFault {
  readonly segments: Path;
  readonly message: string;
}

export type CopiedPlain =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly faults: readonly CopyFault[] };

/**
 * A deep copy of a config object, so that the caller's is neither changed nor
 * frozen. It must be what YAML could have held, plus `Secret` instances: plain
 * objects, arrays, strings, numbers, booleans, null. Members that are
 * undefined count as absent.
 */
export function copyPlain(source: unknown): CopiedPlain {
  const copier = new Copier();
  const value = copier.copy(source, []);
  return copier.faults.length === 0 ? { ok: true, value } : { ok: false, faults: copier.faults };
}

class Copier {
  readonly faults: CopyFault[] = [];
  #values = 0;

  copy(value: unknown, segments: Path): unknown {
    if (this.faults.length >= MAX_FAULTS) return null;
    if (++this.#values > MAX_VALUES) return this.#fault(segments, 'the config is too large');
    // A config that contains itself ends here too.
    if (segments.length > MAX_DEPTH) return this.#fault(segments, 'nested too deeply');
    if (value === null || value instanceof Secret) return value;
    if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return value;
    if (Array.isArray(value)) {
      if (value.length > MAX_VALUES) return this.#fault(segments, 'the config is too large');
      return Array.from(value, (item, index) => this.copy(item, [...segments, index]));
    }
    if (!isPlainObject(value)) return this.#fault(segments, 'only plain data can stand here');
    return this.#object(value, segments);
  }

  #object(source: Record<string, unknown>, segments: Path): Record<string, unknown> {
    const copied: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(source)) {
      const path = [...segments, key];
      if (isForbiddenKey(key)) this.#fault(path, FORBIDDEN_KEY_MESSAGE);
      else if (value !== undefined) copied[key] = this.copy(value, path);
    }
    return copied;
  }

  #fault(segments: Path, message: string): null {
    this.faults.push({ segments, message });
    return null;
  }
}

/** Also true for objects of another realm, whose `Object.prototype` is not ours. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
