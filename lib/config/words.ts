import { Secret } from '../base/index.ts';

/** What a secret looks like in a config. */
export const SECRET_WORDS = 'env:NAME or file:PATH';

const WHOLE_NUMBER = 'a whole number';

const TYPE_WORDS: ReadonlyMap<string, string> = new Map([
  ['object', 'a map'],
  ['array', 'a list'],
  ['string', 'text'],
  ['number', 'a number'],
  ['integer', WHOLE_NUMBER],
  ['boolean', 'true or false'],
  ['null', 'nothing'],
]);

/** A JSON type as people call it. */
export function typeWord(type: string): string {
  return TYPE_WORDS.get(type) ?? type;
}

/**
 * What a value is, never what it holds.
 *
 * @param wanted what it should be: a number is told more exactly where that was to be a whole one.
 */
export function kindWord(value: unknown, wanted: readonly string[] = []): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return value instanceof Secret ? 'a secret' : 'a map';
  if (typeof value === 'boolean') return 'true or false';
  if (typeof value !== 'number') return 'text';
  return wanted.includes(WHOLE_NUMBER) ? numberWord(value) : 'a number';
}

function numberWord(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : 'infinity';
  return Number.isInteger(value) ? 'a number' : 'a fraction';
}

/** `a, b or c`. */
export function joinOr(words: readonly string[]): string {
  const distinct = [...new Set(words)];
  if (distinct.length < 2) return distinct.join('');
  return `${distinct.slice(0, -1).join(', ')} or ${distinct.at(-1)}`;
}
