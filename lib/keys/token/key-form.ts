/** A longer credential is refused before anything of it is read. */
export const KEY_CHARS_MAX = 4096;
/** The prefix that is always accepted. */
export const USUAL_PREFIX = 'weir_';
/** What a prefix may be: it stands in header fields, query strings and shells, and shows where it ends. */
export const PREFIX_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_-]{1,30}[_-]$';

const PREFIX = new RegExp(PREFIX_PATTERN);

export function isKeyPrefix(text: string): boolean {
  return PREFIX.test(text);
}

/**
 * Matches what is to be taken for a key of ours: it begins with an accepted
 * prefix, letter case ignored, or holds `v4.public.` anywhere. Such a value is
 * verified or refused, and never forwarded (CONTRACT §2). Each prefix must pass
 * `isKeyPrefix`.
 */
export function ownKeyForm(prefixes: readonly string[]): RegExp {
  return new RegExp(`^(?:${prefixes.join('|')})|v4\\.public\\.`, 'i');
}
