import { parseInstant } from '../token/instant.ts';
import type { DenyTerms } from './terms.ts';

/** What an entry names: one key (its `jti`, or a static key's id), all keys of a subject, all that an issuer signed. */
export const DENY_KINDS = ['key', 'subject', 'issuer'] as const;

export type DenyKind = (typeof DENY_KINDS)[number];

/** One denial (CONTRACT §4). */
export interface DenyEntry {
  readonly kind: DenyKind;
  readonly id: string;
  readonly terms: DenyTerms;
}

/** An entry as files, the ops API and the bucket spell it. Times are RFC 3339. */
export interface SpelledEntry {
  readonly kind: DenyKind;
  readonly id: string;
  readonly reason: string;
  readonly until?: string;
  readonly issuedBefore?: string;
}

/** What is wrong with an entry: completes "<member> …", or says it of the whole where that is null. */
export class EntryFault {
  readonly member: string | null;
  readonly text: string;

  constructor(member: string | null, text: string) {
    this.member = member;
    this.text = text;
  }

  toString(): string {
    return this.member === null ? `an entry ${this.text}` : `${this.member} ${this.text}`;
  }
}

const CHARS_MAX = 256;
const MEMBERS = ['kind', 'id', 'reason', 'until', 'issuedBefore'] as const;
/** They would end a line of a log. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;

export function isDenyKind(value: unknown): value is DenyKind {
  return DENY_KINDS.includes(value as DenyKind);
}

/** Ids and reasons: 1 to 256 characters, none of them a control character. */
export function isDenyText(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= CHARS_MAX &&
    value.isWellFormed() &&
    !CONTROL.test(value)
  );
}

/**
 * Reads an entry. Strict: what a member that is not known would say must not be
 * ignored.
 *
 * @param kind where it is known already; then it is no member.
 */
export function readEntry(value: unknown, kind: DenyKind | null = null): DenyEntry | EntryFault {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return new EntryFault(null, 'is a map such as { kind: key, id: 01JB…, reason: fraud }');
  const members = value as Readonly<Record<string, unknown>>;
  const known: readonly string[] = kind === null ? MEMBERS : MEMBERS.slice(1);
  const unknown = Object.keys(members).find(name => !known.includes(name));
  if (unknown !== undefined)
    return new EntryFault(
      isDenyText(unknown) && unknown.length <= 64 ? unknown : null,
      `is not known: expected ${known.join(', ')}`,
    );
  const named = kind ?? members.kind;
  if (!isDenyKind(named))
    return new EntryFault('kind', `must be ${DENY_KINDS.join(', ').replace(/, (?=\w+$)/, ' or ')}`);
  if (!isDenyText(members.id)) return new EntryFault('id', textRule(members.id));
  if (named === 'key' && members.id.includes('v4.public.'))
    return new EntryFault('id', 'is a whole key: weir key inspect shows the id in it');
  if (!isDenyText(members.reason)) return new EntryFault('reason', textRule(members.reason));
  const untilMs = readTime(members.until);
  if (untilMs === undefined) return new EntryFault('until', TIME_RULE);
  const issuedBeforeMs = readTime(members.issuedBefore);
  if (issuedBeforeMs === undefined) return new EntryFault('issuedBefore', TIME_RULE);
  return { kind: named, id: members.id, terms: { reason: members.reason, untilMs, issuedBeforeMs } };
}

const TIME_RULE = 'must be an RFC 3339 time such as 2030-01-31T12:00:00Z';

function textRule(value: unknown): string {
  if (value === undefined) return 'is missing';
  const quoted = typeof value === 'string' ? '' : ' (in YAML, put it in quotes)';
  return `must be a text of 1 to ${CHARS_MAX} characters without control characters${quoted}`;
}

/** Null where there is none, undefined where it is no time. */
function readTime(value: unknown): number | null | undefined {
  if (value === undefined) return null;
  return (typeof value === 'string' ? parseInstant(value) : null) ?? undefined;
}

export function spellEntry({ kind, id, terms }: DenyEntry): SpelledEntry {
  return { kind, id, ...spellTerms(terms) };
}

export function spellTerms({
  reason,
  untilMs,
  issuedBeforeMs,
}: DenyTerms): Omit<SpelledEntry, 'kind' | 'id'> {
  return {
    reason,
    ...(untilMs === null ? {} : { until: new Date(untilMs).toISOString() }),
    ...(issuedBeforeMs === null ? {} : { issuedBefore: new Date(issuedBeforeMs).toISOString() }),
  };
}
