/** SQLSTATEs of transactions that may succeed if they begin again: serialization failure, deadlock. */
const TRANSIENT: ReadonlySet<unknown> = new Set(['40001', '40P01']);

/** What helps, by SQLSTATE; the server's own words come first. */
const HINTS: Readonly<Record<string, string>> = {
  '25006': 'it is a standby, or set to read only',
  '28P01': 'is the password right?',
  '3D000': 'create it first; Weir makes its tables itself',
  '42501': 'the user must be allowed to create the schema weir, or to use it',
  '53300': 'the server has no connection left',
  '55P03': 'another session holds a lock',
};

/** The answer to COMMIT did not come: the transaction is done or it is not. */
export class Unsure extends Error {}

export function isTransient(error: unknown): boolean {
  return TRANSIENT.has(codeOf(error));
}

function codeOf(error: unknown): string {
  const code: unknown = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** In words for an operator, without the credentials of the URL. */
export function problemText(error: unknown, url: string): string {
  const words = error instanceof AggregateError ? error.errors.map(messageOf).join('; ') : messageOf(error);
  const hint = HINTS[codeOf(error)];
  const text = hint === undefined ? words : `${words} (${hint})`;
  return text.replaceAll(secretsOf(url), '[redacted]');
}

export function messageOf(error: unknown): string {
  const { message } = error as Error;
  return message !== '' ? message : codeOf(error) || 'unknown';
}

/** Matches all that must not be seen, the longest first, so that no part of it is left over. */
function secretsOf(url: string): RegExp {
  const { password = '', searchParams } = URL.parse(url) ?? {};
  const found = [url, password, decoded(password), searchParams?.get('password') ?? ''];
  const secrets = found.filter(secret => secret !== '').sort((a, b) => b.length - a.length);
  return new RegExp(secrets.map(secret => RegExp.escape(secret)).join('|'), 'g');
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
