import { isAbsolute } from 'node:path';
import { Secret } from '../base/index.ts';

/** Names a store: `sqlite:PATH`, or `postgres://…` (or `postgresql://…`), which is a `Secret` where it may hold a password. */
export type StoreUrl = string | Secret;

const SQLITE = 'sqlite:';
const POSTGRES = /^postgres(?:ql)?:\/\//;

/** The text, to open the store with. */
export function revealed(url: StoreUrl): string {
  return url instanceof Secret ? url.reveal() : url;
}

/** The path of a SQLite file; null where another engine is meant. */
export function sqliteFile(url: string): string | null {
  return url.startsWith(SQLITE) ? url.slice(SQLITE.length) : null;
}

/** Where the store is, for people: never with a user, a password or parameters. */
export function placeOf(url: StoreUrl): string {
  const text = revealed(url);
  const parsed = POSTGRES.test(text) ? URL.parse(text) : null;
  if (parsed === null) return text.startsWith(SQLITE) ? text : 'a store without a valid URL';
  const { host, pathname, searchParams } = parsed;
  return `postgres://${host || (searchParams.get('host') ?? '')}${pathname}`;
}

/** Why nothing can be opened there, or null. Never repeats what it was given. */
export function storeUrlFault(url: StoreUrl): string | null {
  const text = revealed(url);
  const file = sqliteFile(text);
  if (file !== null)
    return isAbsolute(file) ? null : 'a path that comes by reference begins at the root: sqlite:/…';
  if (!POSTGRES.test(text)) return 'expected postgres://USER:PASSWORD@HOST/DATABASE';
  const parsed = URL.parse(text);
  if (parsed === null || hasBadEscapes(parsed))
    return 'this is no URL: what is special in a user or a password is written as %XX, such as %40 for @';
  if (parsed.pathname.length < 2) return 'the URL names no database: postgres://HOST/DATABASE';
  if (!(url instanceof Secret) && (parsed.password !== '' || parsed.searchParams.has('password')))
    return 'a password does not stand in the config itself: put the whole URL into a variable or a file, and write env:NAME or file:PATH here';
  return null;
}

function hasBadEscapes({ username, password, pathname }: URL): boolean {
  try {
    decodeURIComponent(username + password + pathname);
    return false;
  } catch {
    return true;
  }
}
