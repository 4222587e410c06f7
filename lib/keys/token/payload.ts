import { scanRootKeys } from '../../wire/index.ts';
import type { Members } from './claims.ts';

/** How deep claims may nest: the claims, `weir`, its `tags`. */
const DEPTH_MAX = 3;

/**
 * The members of a payload that is one JSON object in which, as in the objects
 * inside it, no name stands twice; else null. Names come from our own scanner:
 * two readers of a repeated or escaped name need not agree (docs/decisions).
 */
export function readPayload(payload: Uint8Array): Members | null {
  return readObject(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength), DEPTH_MAX);
}

function readObject(bytes: Buffer, depth: number): Members | null {
  const found = scanRootKeys(bytes);
  if (found === null || found.ambiguous || depth === 0) return null;
  const members = new Map<string, unknown>();
  for (const [name, { valueStart, valueEnd }] of found.keys) {
    const value = bytes.subarray(valueStart, valueEnd);
    const isObject = value[0] === 0x7b;
    const read = isObject ? readObject(value, depth - 1) : (JSON.parse(value.toString('utf8')) as unknown);
    if (isObject && read === null) return null;
    members.set(name, read);
  }
  return members;
}
