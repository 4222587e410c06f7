/** Raw bytes. In a string every character is one byte (latin1), so `\xff` is the byte 0xff. */
export type Bytes = string | Uint8Array;

/** The bytes of `value`. A character above 0xff is refused: a test that means UTF-8 says Buffer.from. */
export function bytes(value: Bytes): Buffer {
  if (typeof value !== 'string') return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  for (let i = 0; i < value.length; i++) {
    if (value.charCodeAt(i) > 0xff)
      throw new RangeError('a raw string holds one byte per character; use Buffer.from for UTF-8');
  }
  return Buffer.from(value, 'latin1');
}
