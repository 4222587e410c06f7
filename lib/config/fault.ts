/** Something wrong with a value, before it is given a file and a position. */
export interface Fault {
  /** Where: keys and list indexes from the root. */
  readonly segments: readonly string[];
  /** Whether to point at the key or at the value. */
  readonly at: 'key' | 'value';
  readonly message: string;
  readonly suggestion: string | null;
  /** Whether the last key may be shown; without it, if it looks like a name. */
  readonly isKeyShown?: boolean;
}

export interface Position {
  readonly line: number;
  readonly column: number;
}

/** A plain value, and where its parts stand in the text it came from. */
export interface SourceTree {
  readonly value: unknown;
  /** Null for values that never were text. */
  locate(segments: readonly string[], at: 'key' | 'value'): Position | null;
}

/** A fault in the text itself, which therefore knows its position. */
export interface TextFault extends Position {
  /** List indexes are numbers. */
  readonly segments: readonly (string | number)[];
  readonly message: string;
}

/** Collections inside collections; no config needs a tenth of it. */
export const MAX_DEPTH = 64;

/** Values in one config, with every alias expanded. */
export const MAX_VALUES = 100_000;

const FORBIDDEN_KEYS: ReadonlySet<string> = new Set(['__proto__', 'constructor', 'prototype']);

/** Names that reach a prototype wherever an object is used as a table. */
export function isForbiddenKey(key: string): boolean {
  return FORBIDDEN_KEYS.has(key);
}

export const FORBIDDEN_KEY_MESSAGE = 'this name is not allowed as a key';
