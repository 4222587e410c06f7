import { isUtf8 } from 'node:buffer';

const DEPTH_MAX = 32;
/** In well-formed JSON: every string, and what opens, closes and names. */
const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/g;

export type JsonBody =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly reason: string };

/**
 * The JSON value of a request body; undefined for an empty one. Refused besides
 * what is not JSON: member names that occur twice, are written with escapes or
 * reach a prototype, since two readers may see different members in them (see
 * docs/decisions on names in JSON), and deep nesting.
 */
export function parseJsonBody(body: Buffer): JsonBody {
  if (body.length === 0) return { ok: true, value: undefined };
  if (!isUtf8(body)) return { ok: false, reason: 'is not UTF-8' };
  const text = body.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'is not JSON' };
  }
  const fault = nameFault(text);
  return fault === null ? { ok: true, value } : { ok: false, reason: fault };
}

/** What is wrong with the member names of a well-formed JSON text, or null. */
function nameFault(text: string): string | null {
  /** Names seen in each open object; null stands for a list. */
  const open: (Set<string> | null)[] = [];
  let last = '';
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === '{' || token === '[') {
      if (open.push(token === '{' ? new Set() : null) > DEPTH_MAX) return 'is nested too deeply';
    } else if (token === '}' || token === ']') open.pop();
    else if (token === ':') {
      const names = open.at(-1)!;
      if (last.includes('\\') || last === '"__proto__"') return 'has a member name that is not accepted';
      if (names.has(last)) return 'has a member twice';
      names.add(last);
    } else last = token;
  }
  return null;
}
