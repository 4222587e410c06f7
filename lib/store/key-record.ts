import type { AuditValue } from './audit-chain.ts';

/** A virtual key that is about to be put on record. The key itself is nowhere in it. Times are Unix milliseconds. */
export interface NewKey {
  /** The key's own name (claim `jti`), unique for ever. */
  readonly jti: string;
  /** What people call it. */
  readonly name: string | null;
  readonly notes: string | null;
  readonly subject: string;
  /** Claim `weir` without its tags. */
  readonly grant: { readonly [name: string]: AuditValue };
  readonly tags: Readonly<Record<string, string>>;
  /** PASERK id of the public key that verifies it. */
  readonly issuer: string;
  /** Name of the admin key. */
  readonly createdBy: string;
  readonly createdMs: number;
  readonly notBeforeMs: number | null;
  readonly expiresMs: number;
}

/** What is known of a virtual key. No request waits for it or reads it: what is in force is the deny set. */
export interface KeyRecord extends NewKey {
  /** Since when it is switched off; null while it is not. */
  readonly disabledMs: number | null;
  /** When it ends because another took its place. */
  readonly endsMs: number | null;
  /** The key whose place it took, by `jti`, and the one that took its own. */
  readonly replaces: string | null;
  readonly replacedBy: string | null;
  /** Admission of the latest request that it made and that was not refused, as far as facts are in the store. */
  readonly lastUsedMs: number | null;
  /** When somebody last said that it is still wanted. */
  readonly touchedMs: number | null;
  /** When it was last switched off, on, or replaced; null while it never was. */
  readonly switchedMs: number | null;
  /** `seq` of the audit entry that tells of its last change. */
  readonly revision: number;
}

export const KEY_STATES = ['active', 'ending', 'ended', 'disabled', 'expired'] as const;

/** `ending`: another took its place, and it holds until `endsMs`. The first that applies of: expired, disabled, ended, ending, active. */
export type KeyState = (typeof KEY_STATES)[number];

export function keyStateOf({ expiresMs, disabledMs, endsMs }: KeyRecord, nowMs: number): KeyState {
  if (expiresMs <= nowMs) return 'expired';
  if (disabledMs !== null) return 'disabled';
  if (endsMs === null) return 'active';
  return endsMs <= nowMs ? 'ended' : 'ending';
}

/** A change of a record. Times are Unix milliseconds. */
export type KeyChange =
  | { readonly kind: 'create'; readonly key: NewKey }
  | { readonly kind: 'disable' | 'enable'; readonly atMs: number }
  /** Another takes its place, and from `endsMs` on it holds no more. Name and notes go over to the successor. */
  | { readonly kind: 'rotate'; readonly atMs: number; readonly endsMs: number; readonly successor: NewKey }
  /** A member that is undefined stays as it is. */
  | {
      readonly kind: 'touch';
      readonly atMs: number;
      readonly name?: string | null;
      readonly notes?: string | null;
    };

/** Why a change was not made. Nothing was written then. */
export type KeyRefusal = 'unknown' | 'taken' | 'replaced' | 'disabled' | 'ended' | 'expired';

/** What a change makes of the records: the key's own first. None where it changes nothing. */
export type KeyVerdict = { readonly records: readonly KeyRecord[] } | { readonly refused: KeyRefusal };

/** The rules of a change, the same for every engine. `record` is the one there is, null where there is none. */
export function judgeKeyChange(record: KeyRecord | null, change: KeyChange): KeyVerdict {
  if (change.kind === 'create')
    return record === null ? { records: [fresh(change.key, null)] } : { refused: 'taken' };
  if (record === null) return { refused: 'unknown' };
  const { atMs } = change;
  switch (change.kind) {
    case 'disable':
      return record.disabledMs === null
        ? { records: [{ ...record, disabledMs: atMs, switchedMs: atMs }] }
        : { records: [] };
    case 'enable':
      if (record.endsMs !== null && record.endsMs <= atMs) return { refused: 'ended' };
      return record.disabledMs === null
        ? { records: [] }
        : { records: [{ ...record, disabledMs: null, switchedMs: atMs }] };
    case 'rotate':
      return rotated(record, change);
    case 'touch': {
      const { name = record.name, notes = record.notes } = change;
      return { records: [{ ...record, name, notes, touchedMs: atMs }] };
    }
  }
}

function rotated(record: KeyRecord, change: KeyChange & { kind: 'rotate' }): KeyVerdict {
  const { atMs, endsMs, successor } = change;
  if (record.replacedBy !== null) return { refused: 'replaced' };
  if (record.expiresMs <= atMs) return { refused: 'expired' };
  if (record.disabledMs !== null) return { refused: 'disabled' };
  const { name, notes, jti } = record;
  return {
    records: [
      { ...record, endsMs, replacedBy: successor.jti, switchedMs: atMs },
      fresh({ ...successor, name, notes }, jti),
    ],
  };
}

function fresh(key: NewKey, replaces: string | null): KeyRecord {
  const never = { disabledMs: null, endsMs: null, lastUsedMs: null, touchedMs: null, switchedMs: null };
  return { ...key, ...never, replaces, replacedBy: null, revision: 0 };
}

/** A record as the audit keeps it: what admins decide, not what is observed. */
export function auditedKey({
  lastUsedMs: _observed,
  switchedMs: _derived,
  revision: _own,
  ...decided
}: KeyRecord): AuditValue {
  return decided;
}
