/** Bytes that have a meaning in JSON text (RFC 8259). */
export const QUOTE = 0x22;
export const BACKSLASH = 0x5c;
export const LINE_FEED = 0x0a;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_BRACE = 0x7b;
export const CLOSE_BRACE = 0x7d;
export const OPEN_BRACKET = 0x5b;
export const CLOSE_BRACKET = 0x5d;

function table(bytes: string, mark: number, into: Uint8Array = new Uint8Array(256)): Uint8Array {
  for (let i = 0; i < bytes.length; i++) into[bytes.charCodeAt(i)] = mark;
  return into;
}

/** Marks white space. */
export const SPACE = table(' \t\r\n', 1);
/** Marks what a number, `true`, `false` or `null` may consist of. */
export const SCALAR = table('+-.0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', 1);
/** Marks what such a value may begin with. */
export const SCALAR_START = table('-0123456789tfn', 1);
/** Marks the bytes inside a string that are not passed over: its end, an escape, and the line feed no string may hold. */
export const STRING_STOP = table('"\\\n', 1);
/** Kinds of bytes inside a container that is passed over. */
export const SKIP_QUOTE = 1;
export const SKIP_OPEN = 2;
export const SKIP_CLOSE = 3;
export const SKIP_STOP = table('"', SKIP_QUOTE, table('{[', SKIP_OPEN, table('}]', SKIP_CLOSE)));
