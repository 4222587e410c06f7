/** More digits than these may not be exact when summed up. */
const EXACT_DIGITS = 15;

/**
 * The value of the JSON text `bytes[start, end)`, undefined where it is no
 * JSON. What usage is made of (null, booleans, counts, a model's name) never
 * becomes a text first; `last`, a string of plain characters, is given
 * back when the text says it again, as `model` does in every event of a stream.
 */
export function jsonValue(bytes: Buffer, start: number, end: number, last: string | null): unknown {
  const length = end - start;
  switch (bytes[start]) {
    case 0x6e:
      return length === 4 && spells(bytes, start, 'null') ? null : undefined;
    case 0x74:
      return length === 4 && spells(bytes, start, 'true') ? true : undefined;
    case 0x66:
      return length === 5 && spells(bytes, start, 'false') ? false : undefined;
    case 0x22:
      if (last !== null && last.length === length - 2 && spells(bytes, start + 1, last)) return last;
      if (isPlain(bytes, start + 1, end - 1)) return bytes.toString('latin1', start + 1, end - 1);
      break;
    default:
      if (length <= EXACT_DIGITS) {
        const count = digits(bytes, start, end);
        if (count >= 0) return count;
      }
  }
  try {
    return JSON.parse(bytes.toString('utf8', start, end)) as unknown;
  } catch {
    return undefined;
  }
}

function spells(bytes: Buffer, start: number, text: string): boolean {
  for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Whether a string's inside is printable ASCII without escapes: its bytes are its characters. */
function isPlain(bytes: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i++) {
    const byte = bytes[i]!;
    if (byte < 0x20 || byte > 0x7e || byte === 0x5c) return false;
  }
  return true;
}

/** The value of a run of digits without a leading zero, -1 for anything else. */
function digits(bytes: Buffer, start: number, end: number): number {
  if (bytes[start] === 0x30) return end - start === 1 ? 0 : -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
