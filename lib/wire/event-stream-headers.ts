/** Bytes of a header's value by its type, where they do not depend on the value. */
const FIXED_BYTES: readonly number[] = [0, 0, 1, 2, 4, 8, -1, -1, 8, 16];
const STRING_TYPE = 7;

/** The names that may name an event, the first that is there counts. */
const EVENT_NAMES: readonly string[] = [':event-type', ':exception-type', ':error-code'];

/**
 * What an AWS event-stream message is about, from its header block
 * `bytes[0, length)`: its `:event-type`, `:exception-type` or `:error-code`,
 * null where it has none, undefined where the block is malformed.
 */
export function eventOfHeaders(bytes: Buffer, length: number): string | null | undefined {
  let at = 0;
  let best = EVENT_NAMES.length;
  let event: string | null = null;
  while (at < length) {
    const nameEnd = at + 1 + bytes[at]!;
    if (nameEnd >= length) return undefined;
    const type = bytes[nameEnd]!;
    let valueAt = nameEnd + 1;
    let valueBytes = FIXED_BYTES[type];
    if (valueBytes === undefined) return undefined;
    if (valueBytes === -1) {
      if (valueAt + 2 > length) return undefined;
      valueBytes = bytes.readUInt16BE(valueAt);
      valueAt += 2;
    }
    if (valueAt + valueBytes > length) return undefined;
    if (type === STRING_TYPE) {
      const rank = EVENT_NAMES.indexOf(bytes.toString('latin1', at + 1, nameEnd));
      if (rank !== -1 && rank < best) {
        best = rank;
        event = bytes.toString('utf8', valueAt, valueAt + valueBytes);
      }
    }
    at = valueAt + valueBytes;
  }
  return event;
}
