const MAX_WORD_LENGTH = 26;

/** Words as people make names of: camelCase, CAPITALS, with or without a short number, or a few characters of any. */
const WORDS = [
  /^[A-Z]?[a-z]+(?:[A-Z][a-z]+)*\d{0,3}$/,
  /^[A-Z]{1,20}\d{0,3}$/,
  /^\d{1,5}$/,
  /^[A-Za-z0-9]{1,5}$/,
];
const KEY_PREFIX = /^(?:sk|pk|rk)[-_]/i;
const MAX_NAME_LENGTH = 64;

/**
 * Whether a text from a config may be repeated in a message. Keys, variable
 * names and file names may; anything with the look of a credential that landed
 * in the wrong place may not: long runs of mixed letters and digits.
 */
export function isPlainName(text: string): boolean {
  if (text.length === 0 || text.length > MAX_NAME_LENGTH || KEY_PREFIX.test(text)) return false;
  return text.split(/[-_.]/).every(isWord);
}

function isWord(text: string): boolean {
  return text === '' || (text.length <= MAX_WORD_LENGTH && WORDS.some(form => form.test(text)));
}

/** A file path with those parts hidden that are no plain names. */
export function showPath(path: string): string {
  return path
    .split('/')
    .map(part => (part === '' || isPlainName(part) ? part : '[hidden]'))
    .join('/');
}
