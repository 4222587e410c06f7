import { pick } from './pick.ts';
import { plainCell } from './plain-text.ts';

export const DENY_KINDS = ['key', 'subject', 'issuer'] as const;

export type DenyKind = (typeof DENY_KINDS)[number];

/** An entry of the deny set (CONTRACT §4). Times are RFC 3339. */
export interface DenyEntry {
  readonly kind: DenyKind;
  readonly id: string;
  readonly reason: string;
  /** Absent: until it is removed. */
  readonly until?: string;
  /** Only what was issued before. */
  readonly issuedBefore?: string;
}

const HEAD = ['KIND', 'ID', 'REASON', 'UNTIL', 'ISSUED BEFORE', 'FROM'];

/** Rows of a table of entries, whoever wrote them. */
export function denyRows(entries: readonly unknown[]): readonly (readonly string[])[] {
  return [
    HEAD,
    ...entries.map(entry => [
      plainCell(pick(entry, 'kind')),
      plainCell(pick(entry, 'id')),
      plainCell(pick(entry, 'reason')),
      plainCell(pick(entry, 'until')),
      plainCell(pick(entry, 'issuedBefore')),
      plainCell(pick(entry, 'sources') ?? pick(entry, 'source')),
    ]),
  ];
}
