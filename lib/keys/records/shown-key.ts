import { type KeyRecord, keyStateOf } from '../../store/index.ts';

function time(atMs: number | null): string | null {
  return atMs === null ? null : new Date(atMs).toISOString();
}

/** A record as the ops API shows it. */
export function shownKey(record: KeyRecord, nowMs: number): object {
  return {
    jti: record.jti,
    name: record.name,
    subject: record.subject,
    state: keyStateOf(record, nowMs),
    grant: record.grant,
    tags: record.tags,
    notes: record.notes,
    issuer: record.issuer,
    createdBy: record.createdBy,
    created: time(record.createdMs),
    notBefore: time(record.notBeforeMs),
    expires: time(record.expiresMs),
    disabled: time(record.disabledMs),
    ends: time(record.endsMs),
    replaces: record.replaces,
    replacedBy: record.replacedBy,
    lastUsed: time(record.lastUsedMs),
    touched: time(record.touchedMs),
  };
}
