import { pick } from './pick.ts';
import { plainCell, plainText } from './plain-text.ts';
import { tableLines } from './table.ts';

const HEAD = ['JTI', 'NAME', 'SUBJECT', 'STATE', 'EXPIRES', 'LAST USED', 'REPLACED BY'];
const MEMBERS = ['jti', 'name', 'subject', 'state', 'expires', 'lastUsed', 'replacedBy'];
export const STATE_COLUMN = MEMBERS.indexOf('state');

/** Rows of a table of keys on record, the head first. */
export function keyRows(keys: readonly unknown[]): readonly (readonly string[])[] {
  return [HEAD, ...keys.map(key => MEMBERS.map(member => shortTime(pick(key, member))))];
}

/** Seconds are enough to read. */
function shortTime(value: unknown): string {
  return plainCell(value).replace(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d{3}Z$/, '$1Z');
}

const SHOWN: readonly (readonly [member: string, title: string])[] = [
  ['jti', 'jti'],
  ['name', 'name'],
  ['subject', 'subject'],
  ['state', 'state'],
  ['created', 'created'],
  ['createdBy', 'by'],
  ['notBefore', 'begins'],
  ['expires', 'expires'],
  ['disabled', 'disabled'],
  ['ends', 'ends'],
  ['replaces', 'replaces'],
  ['replacedBy', 'replaced by'],
  ['lastUsed', 'last used'],
  ['touched', 'touched'],
  ['issuer', 'issuer'],
  ['grant', 'grant'],
  ['tags', 'tags'],
  ['notes', 'notes'],
];

/** One key on record, a line for each thing that is known of it. */
export function keyDetails(record: unknown): readonly string[] {
  return tableLines(
    SHOWN.flatMap(([member, title]) => {
      const value = pick(record, member);
      const isEmpty = value === null || (typeof value === 'object' && Object.keys(value).length === 0);
      return isEmpty ? [] : [[title, shortTime(value)]];
    }),
  );
}

/** What is said beside a new key, which stands alone on standard output. */
export function besideKey(body: unknown): string {
  const record = pick(body, 'record');
  const text = (member: string): string => plainText(String(pick(record, member)));
  const lines = [`shown this once: jti ${text('jti')}, of ${text('subject')}, until ${text('expires')}`];
  const old = pick(body, 'replaced');
  if (old !== undefined)
    lines.push(
      `it takes the place of ${plainCell(pick(old, 'jti'))}, which ends ${plainCell(pick(old, 'ends'))}`,
    );
  return lines.join('\n');
}
