import type { AuditDraft, KeyRecord, NewKey } from '../../lib/store/index.ts';

export const AT_MS = Date.parse('2026-11-21T10:00:00.000Z');
export const HOUR_MS = 3_600_000;

export function draftOf(members: Partial<AuditDraft> = {}): AuditDraft {
  return {
    time: '2026-11-21T10:00:00.000Z',
    admin: 'ann',
    role: 'admin',
    action: 'POST /keys',
    requestId: 'r-1',
    outcome: 'done',
    details: {},
    ...members,
  };
}

export function newKey(jti: string, members: Partial<NewKey> = {}): NewKey {
  return {
    jti,
    name: 'laptop',
    notes: null,
    subject: 'alice',
    grant: { models: ['gpt-*'], rpm: 60 },
    tags: { team: 'search' },
    issuer: 'k4.pid.test',
    createdBy: 'ann',
    createdMs: AT_MS,
    notBeforeMs: null,
    expiresMs: AT_MS + 24 * HOUR_MS,
    ...members,
  };
}

/** The record that a new key has. */
export function recordOf(key: NewKey, members: Partial<KeyRecord> = {}): KeyRecord {
  return {
    ...key,
    disabledMs: null,
    endsMs: null,
    replaces: null,
    replacedBy: null,
    lastUsedMs: null,
    touchedMs: null,
    switchedMs: null,
    revision: 1,
    ...members,
  };
}
