import { isUtf8 } from 'node:buffer';
import { KV_VALUE_BYTES_MAX } from '../../bus/index.ts';
import { scanRootKeys } from '../../wire/index.ts';
import {
  type DenyEntry,
  type DenyKind,
  EntryFault,
  isDenyKind,
  isDenyText,
  readEntry,
  spellTerms,
} from './entry.ts';
import type { DenyTerms } from './terms.ts';

const BACKSLASH = 0x5c;

/** What is known of an entry whose value cannot be read: it denies. */
const UNKNOWN: DenyTerms = { reason: 'unknown', untilMs: null, issuedBeforeMs: null };

/** What a value in the bucket says. */
export interface ReadValue {
  readonly terms: DenyTerms;
  /** Why its value could not be read, or null. */
  readonly fault: string | null;
}

/** `<kind>.<base64url(id)>`. */
export function kvKey(kind: DenyKind, id: string): string {
  return `${kind}.${Buffer.from(id, 'utf8').toString('base64url')}`;
}

/** What a key of the bucket names; null for a key that is none of ours. */
export function readKvKey(key: string): Pick<DenyEntry, 'kind' | 'id'> | null {
  const dot = key.indexOf('.');
  const kind = key.slice(0, dot);
  if (dot === -1 || !isDenyKind(kind)) return null;
  const bytes = Buffer.from(key.slice(dot + 1), 'base64url');
  // Only the one spelling of an id: another would be a second entry for it.
  if (!isUtf8(bytes) || bytes.toString('base64url') !== key.slice(dot + 1)) return null;
  const id = bytes.toString('utf8');
  return isDenyText(id) ? { kind, id } : null;
}

export function kvValue({ id, terms }: DenyEntry): Uint8Array {
  return Buffer.from(JSON.stringify({ id, ...spellTerms(terms) }));
}

/** What the value of a key denies. One that cannot be read denies all the same. */
export function readKvValue({ kind, id }: Pick<DenyEntry, 'kind' | 'id'>, value: Uint8Array): ReadValue {
  const entry = readValue(value, kind);
  if (entry instanceof EntryFault) return { terms: UNKNOWN, fault: entry.toString() };
  if (entry.id !== id) return { terms: UNKNOWN, fault: 'its id is not that of its key' };
  return { terms: entry.terms, fault: null };
}

function readValue(value: Uint8Array, kind: DenyKind): DenyEntry | EntryFault {
  if (value.length > KV_VALUE_BYTES_MAX) return new EntryFault(null, 'is far too long');
  const bytes = Buffer.from(value.buffer, value.byteOffset, value.length);
  const members = isUtf8(bytes) ? parseMembers(bytes) : undefined;
  return members === undefined ? new EntryFault(null, 'is no JSON object') : readEntry(members, kind);
}

/**
 * Names are not taken from JSON.parse where they may be escaped (see
 * docs/decisions). Undefined where the value is no JSON object, or not only one.
 */
function parseMembers(bytes: Buffer): unknown {
  if (!bytes.includes(BACKSLASH)) {
    try {
      return JSON.parse(bytes.toString('utf8'));
    } catch {
      return undefined;
    }
  }
  const root = scanRootKeys(bytes);
  if (root === null || root.ambiguous) return undefined;
  const members: [string, unknown][] = [];
  for (const [name, { valueStart, valueEnd }] of root.keys)
    members.push([name, JSON.parse(bytes.toString('utf8', valueStart, valueEnd))]);
  return Object.fromEntries(members);
}
