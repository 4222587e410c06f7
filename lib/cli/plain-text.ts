// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

/** Words that somebody else chose: none of them begins a line or speaks to a terminal. */
export function plainText(text: string): string {
  return text.replace(CONTROL, '?');
}

/** A value in a table: `-` where there is none. */
export function plainCell(value: unknown): string {
  if (value === undefined || value === null || value === '') return '-';
  if (Array.isArray(value)) return plainText(value.join(', '));
  return plainText(typeof value === 'object' ? JSON.stringify(value) : String(value));
}
