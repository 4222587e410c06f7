import type { Migration } from './index.ts';

/**
 * Virtual keys on record, and the chain of admin changes. `revision` is the
 * `seq` of the entry that tells of a record's last change.
 */
export const register: Migration = {
  number: 3,
  sql: `
CREATE TABLE audit (
  seq INTEGER PRIMARY KEY,
  time TEXT NOT NULL,
  payload TEXT NOT NULL,
  prev_hash TEXT NOT NULL,
  hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_stays BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'an audit entry is never changed'); END;
CREATE TRIGGER audit_lasts BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END;

CREATE TABLE keys (
  number INTEGER PRIMARY KEY,
  jti TEXT NOT NULL UNIQUE,
  name TEXT,
  notes TEXT,
  subject TEXT NOT NULL,
  grant_json TEXT NOT NULL,
  tags_json TEXT NOT NULL,
  issuer TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  not_before_ms INTEGER,
  expires_ms INTEGER NOT NULL,
  disabled_ms INTEGER,
  ends_ms INTEGER,
  replaces TEXT,
  replaced_by TEXT,
  last_used_ms INTEGER,
  touched_ms INTEGER,
  switched_ms INTEGER,
  revision INTEGER NOT NULL REFERENCES audit (seq)
) STRICT;
CREATE INDEX keys_by_subject ON keys (subject, number);
CREATE INDEX keys_switched ON keys (revision) WHERE switched_ms IS NOT NULL;
`,
};
