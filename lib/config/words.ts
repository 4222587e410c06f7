import { Secret } from '../base/index.ts';

/** What a secret looks like in a config. */
export const SECRET_WORDS = 'env:NAME or file:PATH';

const TYPE_WORDS: ReadonlyMap<string, string> = new Map([
  ['object', 'a map'],
  ['array', 'a list'],
  ['string', 'text'],
  ['number', 'a number'],
  ['integer', 'a whole number'],
  ['boolean', 'true or false'],
  ['null', 'nothing'],
]);

/** A JSON type as people call it. */
export function typeWord(type: string): string {
  return TYPE_WORDS.get(type) ?? type;
}

/** What a value is, never what it holds. */
export function kindWord(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return value instanceof Secret ? 'a secret' : 'a map';
  if (typeof value === 'boolean') return 'true or false';
  return typeof value === 'string' ? 'text' : 'a number';
}

/** `a, b or c`. */
export function joinOr(words: readonly string[]): string {
  const distinct = [...new Set(words)];
  if (distinct.length < 2) return distinct.join('');
  return `${distinct.slice(0, -1).join(', ')} or ${distinct.at(-1)}`;
}
