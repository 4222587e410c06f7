import type { Migration } from './index.ts';

/**
 * Virtual keys on record, and the chain of admin changes, as SQLite has them.
 * `keys` keeps room in its pages: the last use of a key moves again and again.
 */
export const register: Migration = {
  number: 2,
  sql: `
CREATE TABLE audit (
  seq bigint PRIMARY KEY,
  time text COLLATE "C" NOT NULL,
  payload text NOT NULL,
  prev_hash text COLLATE "C" NOT NULL,
  hash text COLLATE "C" NOT NULL
);
CREATE FUNCTION refuse_entry_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% of %: an audit entry is never changed and never removed', TG_OP, TG_TABLE_NAME;
END $$;
CREATE TRIGGER audit_stays BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_entry_change();

CREATE TABLE keys (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  jti text COLLATE "C" NOT NULL UNIQUE,
  name text,
  notes text,
  subject text COLLATE "C" NOT NULL,
  grant_json text NOT NULL,
  tags_json text NOT NULL,
  issuer text NOT NULL,
  created_by text NOT NULL,
  created_ms bigint NOT NULL,
  not_before_ms bigint,
  expires_ms bigint NOT NULL,
  disabled_ms bigint,
  ends_ms bigint,
  replaces text,
  replaced_by text,
  last_used_ms bigint,
  touched_ms bigint,
  switched_ms bigint,
  revision bigint NOT NULL REFERENCES audit (seq)
) WITH (fillfactor = 80);
CREATE INDEX keys_by_subject ON keys (subject, number);
CREATE INDEX keys_switched ON keys (revision) WHERE switched_ms IS NOT NULL;
`,
};
