/** What the store counts of a fact; null is unknown. */
export interface FactRow {
  readonly id: string;
  readonly timeMs: number;
  readonly kind: string;
  /** How the client was identified. */
  readonly auth: unknown;
  readonly subject: string | null;
  readonly keyId: string | null;
  readonly provider: string | null;
  readonly operation: string | null;
  readonly modelRequested: string | null;
  readonly modelServed: string | null;
  readonly outcome: string;
  readonly usageSource: string;
  /** 1, or how many refusals the fact sums up. */
  readonly requests: number;
  readonly inputTokens: number | null;
  readonly outputTokens: number | null;
  readonly cachedInputTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly reasoningTokens: number | null;
  readonly audioTokens: number | null;
  readonly costNanos: number | null;
  /** Dispatches upstream. */
  readonly attempts: number | null;
  /** What budgets were charged; null where none applied. */
  readonly chargedTokens: number | null;
  readonly chargedNanos: number | null;
  readonly tags: readonly (readonly [name: string, value: string])[];
}

/** A text that cannot be counted. `id` is empty where it has none. */
export interface InvalidFact {
  readonly invalid: true;
  readonly id: string;
}

type Members = Readonly<Record<string, unknown>>;

const ID_LENGTH_MAX = 512;
const UTC = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;
const KINDS: ReadonlySet<unknown> = new Set(['request', 'admin', 'tool']);
export const OUTCOME_NAMES: readonly string[] = [
  'complete',
  'clientAborted',
  'upstreamFailed',
  'upstreamTruncated',
  'refused',
  'drainCut',
  'lost',
];
const OUTCOMES: ReadonlySet<unknown> = new Set(OUTCOME_NAMES);
const USAGE_SOURCES: ReadonlySet<unknown> = new Set(['provider', 'estimated', 'none']);
const WORDS = ['subject', 'keyId', 'provider', 'operation', 'modelRequested', 'modelServed'] as const;
const COUNTS = [
  'inputTokens',
  'outputTokens',
  'cachedInputTokens',
  'cacheWriteTokens',
  'reasoningTokens',
  'audioTokens',
  'costNanos',
  'refusals',
] as const;
/** Facts of earlier versions do not have them. */
const LATER_COUNTS = ['attempts', 'chargedTokens', 'chargedNanos'] as const;

/** Whether a text is how an exchange may end. */
export function isOutcome(text: string): boolean {
  return OUTCOMES.has(text);
}

/** The key that a fact is a use of. Other credentials may have the name of a key, and a refused request used nothing. */
export function keyUsedBy({ kind, auth, outcome, keyId }: FactRow): string | null {
  return kind === 'request' && auth === 'virtual' && outcome !== 'refused' ? keyId : null;
}

/** Reads a fact's JSON text. Null where it is no fact at all: a line of another kind. */
export function readFactRow(text: string): FactRow | InvalidFact | null {
  const members = parse(text);
  if (members === null) return { invalid: true, id: '' };
  if (!Object.hasOwn(members, 'outcome')) return null;
  const id = isId(members.id) ? members.id : '';
  const timeMs = timeOf(members.time);
  if (id === '' || timeMs === null || !isWellFormed(members)) return { invalid: true, id };
  const { refusals, ...counts } = pick<number>(members, COUNTS);
  return {
    id,
    timeMs,
    kind: members.kind as string,
    auth: members.auth,
    ...pick<string>(members, WORDS),
    outcome: members.outcome as string,
    usageSource: members.usageSource as string,
    requests: refusals ?? 1,
    ...counts,
    attempts: (members.attempts as number | undefined) ?? null,
    chargedTokens: (members.chargedTokens as number | undefined) ?? null,
    chargedNanos: (members.chargedNanos as number | undefined) ?? null,
    tags: tagsOf(members.tags),
  };
}

/** Those that are text: nothing else is a tag. */
function tagsOf(tags: unknown): FactRow['tags'] {
  if (typeof tags !== 'object' || tags === null || Array.isArray(tags)) return [];
  return Object.entries(tags).filter((tag): tag is [string, string] => typeof tag[1] === 'string');
}

function isWellFormed(members: Members): boolean {
  return (
    members.v === 1 &&
    KINDS.has(members.kind) &&
    OUTCOMES.has(members.outcome) &&
    USAGE_SOURCES.has(members.usageSource) &&
    WORDS.every(name => members[name] === null || typeof members[name] === 'string') &&
    COUNTS.every(name => members[name] === null || isCount(members[name])) &&
    LATER_COUNTS.every(name => (members[name] ?? null) === null || isCount(members[name]))
  );
}

/** Engines keep what is no character, and some U+0000, as U+FFFD: two ids must not become one. */
function isId(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    value.length <= ID_LENGTH_MAX &&
    value.isWellFormed() &&
    !value.includes('\0')
  );
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function timeOf(value: unknown): number | null {
  if (typeof value !== 'string' || !UTC.test(value)) return null;
  const timeMs = Date.parse(value);
  return timeMs >= 0 ? timeMs : null;
}

function pick<T>(
  members: Members,
  names: readonly (typeof WORDS)[number][],
): Record<(typeof WORDS)[number], T | null>;
function pick<T>(
  members: Members,
  names: readonly (typeof COUNTS)[number][],
): Record<(typeof COUNTS)[number], T | null>;
function pick(members: Members, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(names.map(name => [name, members[name]]));
}

function parse(text: string): Members | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Members) : null;
  } catch {
    return null;
  }
}
