import { isUtf8 } from 'node:buffer';
import {
  BACKSLASH,
  CLOSE_BRACE,
  COMMA,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SCALAR,
  SKIP_CLOSE,
  SKIP_OPEN,
  SKIP_STOP,
  SPACE,
} from './json-bytes.ts';

/** Where a member's value stands: byte offsets into the body, `valueEnd` exclusive. */
export interface KeySpan {
  readonly valueStart: number;
  readonly valueEnd: number;
}

/** The members of one object, by their decoded names; of a repeated name the last. */
export interface ObjectKeys {
  /** Byte offset of its `{`. */
  readonly openBrace: number;
  readonly empty: boolean;
  /** A name occurs twice: two readers may disagree about this object. */
  readonly ambiguous: boolean;
  readonly keys: ReadonlyMap<string, KeySpan>;
}

export interface RootKeys extends ObjectKeys {
  /** Here also where one of the `nested` objects is ambiguous. */
  readonly ambiguous: boolean;
  /** The names asked for whose value is an object. */
  readonly nested: ReadonlyMap<string, ObjectKeys>;
}

/**
 * The members of a body that is exactly one JSON object, white space around it
 * allowed; null where it is anything else, or not UTF-8. `nested` names members
 * whose own members are looked at too. For bodies that are wholly in hand and
 * small: well-formed is what JSON.parse accepts. Names are not read from what
 * it gives, for it drops repeated ones.
 */
export function scanRootKeys(body: Buffer, nested: readonly string[] = []): RootKeys | null {
  const openBrace = passSpace(body, 0);
  if (body[openBrace] !== OPEN_BRACE || !isWellFormed(body)) return null;
  const root = objectKeys(body, openBrace);
  const found = new Map<string, ObjectKeys>();
  let ambiguous = root.ambiguous;
  for (const name of nested) {
    const span = root.keys.get(name);
    if (span === undefined || body[span.valueStart] !== OPEN_BRACE) continue;
    const inner = objectKeys(body, span.valueStart);
    if (inner.ambiguous) ambiguous = true;
    found.set(name, inner);
  }
  return { openBrace, empty: root.empty, ambiguous, keys: root.keys, nested: found };
}

function isWellFormed(body: Buffer): boolean {
  if (!isUtf8(body)) return false;
  try {
    JSON.parse(body.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

/** The members of the well-formed object that begins at `openBrace`. */
function objectKeys(body: Buffer, openBrace: number): ObjectKeys {
  const keys = new Map<string, KeySpan>();
  let ambiguous = false;
  let at = passSpace(body, openBrace + 1);
  while (body[at] !== CLOSE_BRACE) {
    const nameEnd = passString(body, at);
    const name = JSON.parse(body.toString('utf8', at, nameEnd)) as string;
    const valueStart = passSpace(body, passSpace(body, nameEnd) + 1);
    const valueEnd = passValue(body, valueStart);
    if (keys.has(name)) ambiguous = true;
    keys.set(name, { valueStart, valueEnd });
    at = passSpace(body, valueEnd);
    if (body[at] === COMMA) at = passSpace(body, at + 1);
  }
  return { openBrace, empty: keys.size === 0, ambiguous, keys };
}

function passSpace(body: Buffer, at: number): number {
  while (at < body.length && SPACE[body[at]!] === 1) at++;
  return at;
}

/** From the opening quote to the index after the closing one. */
function passString(body: Buffer, at: number): number {
  at++;
  while (body[at] !== QUOTE) at += body[at] === BACKSLASH ? 2 : 1;
  return at + 1;
}

function passValue(body: Buffer, at: number): number {
  const byte = body[at];
  if (byte === QUOTE) return passString(body, at);
  if (byte !== OPEN_BRACE && byte !== OPEN_BRACKET) {
    while (SCALAR[body[at]!] === 1) at++;
    return at;
  }
  let depth = 0;
  do {
    const kind = SKIP_STOP[body[at]!]!;
    if (kind === SKIP_OPEN) depth++;
    else if (kind === SKIP_CLOSE) depth--;
    at = body[at] === QUOTE ? passString(body, at) : at + 1;
  } while (depth > 0);
  return at;
}
