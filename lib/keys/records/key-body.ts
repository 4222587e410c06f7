import { parseQuantity } from '../../config/index.ts';
import { KEY_STATES, KEYS_PER_PAGE_MAX, type KeyQuery, type KeyState } from '../../store/index.ts';
import { parseInstant } from '../token/instant.ts';

/** How long a key holds after another took its place, where the call does not say. */
export const GRACE_MS = 24 * 3_600_000;
const PAGE_DEFAULT = 100;
const NAME_CHARS_MAX = 256;
const NOTES_CHARS_MAX = 2000;
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}]/u;
/** Key material in a place where it would be kept. */
const KEY_MATERIAL = /v4\.public\.|k4\.(?:secret|local)\./;

type Members = Readonly<Record<string, unknown>>;

export interface Labels {
  /** Undefined: not said; null: none. */
  readonly name?: string | null;
  readonly notes?: string | null;
}

export interface CreateBody extends Labels {
  readonly issuerId: string | null;
  /** Judged when the key is minted. */
  readonly claims: Members;
}

/** What a key is to be, or what is wrong with the body. */
export function readCreate(body: unknown): CreateBody | string {
  const members = membersOf(body);
  if (members === null)
    return 'the body must be an object such as {"subject":"alice","expires":"2030-01-01T00:00:00Z"}';
  if (KEY_MATERIAL.test(JSON.stringify(body))) return 'the body holds a whole key: none of it may be kept';
  const { name, notes, issuerId = null, ...claims } = members;
  for (const own of ['issuer', 'audience', 'prefix'])
    if (own in claims) return `${own} is not said here: keys on record have the gateway's own`;
  if (issuerId !== null && typeof issuerId !== 'string') return 'issuerId is the id of an issuer: k4.pid.…';
  const labels = readLabels({ name, notes });
  return typeof labels === 'string' ? labels : { ...labels, issuerId, claims };
}

/** What `touch` is to change, or what is wrong with the body. */
export function readTouch(body: unknown): Labels | string {
  const members = body === undefined ? {} : membersOf(body);
  if (members === null || strangerIn(members, ['name', 'notes']) !== null)
    return 'the body may have name and notes, each a text or null';
  if (KEY_MATERIAL.test(JSON.stringify(members))) return 'the body holds a whole key: none of it may be kept';
  return readLabels(members);
}

export interface RotateBody {
  readonly graceMs: number;
  /** Null: the new key lives as long as the old one was to. */
  readonly expires: string | null;
  /** `jti` of the new key. */
  readonly id: unknown;
}

export function readRotate(body: unknown): RotateBody | string {
  const members = membersOf(body);
  if (members === null || strangerIn(members, ['grace', 'expires', 'id']) !== null)
    return 'the body may have grace, expires and id';
  if (KEY_MATERIAL.test(JSON.stringify(members))) return 'the body holds a whole key: none of it may be kept';
  const { grace, expires = null, id } = members;
  const graceMs = grace === undefined ? GRACE_MS : parseQuantity('duration', grace);
  if (graceMs === null) return 'grace is a span such as 24h, 30m or 0s';
  if (expires !== null && (typeof expires !== 'string' || parseInstant(expires) === null))
    return 'expires is a time such as 2030-01-31T12:00:00Z';
  return { graceMs, expires, id };
}

const QUERY = ['subject', 'state', 'limit', 'after'];

/** Which keys a list is to show, or what is wrong with the query. */
export function readKeyQuery(query: URLSearchParams, nowMs: number): KeyQuery | string {
  const stranger = [...query.keys()].find(name => !QUERY.includes(name));
  if (stranger !== undefined) return `a list takes ${QUERY.join(', ')}`;
  const [subject, state, after] = ['subject', 'state', 'after'].map(name => query.get(name) ?? undefined);
  const limit = Number(query.get('limit') ?? PAGE_DEFAULT);
  if (!Number.isInteger(limit) || limit < 1 || limit > KEYS_PER_PAGE_MAX)
    return `limit is 1 to ${KEYS_PER_PAGE_MAX}`;
  if (state !== undefined && !isState(state)) return `state is one of ${KEY_STATES.join(', ')}`;
  if (after !== undefined && !/^\d{1,15}$/.test(after)) return 'after is what an earlier list gave as next';
  return {
    nowMs,
    limit,
    ...(subject === undefined ? {} : { subject }),
    ...(state === undefined ? {} : { state }),
    ...(after === undefined ? {} : { after: Number(after) }),
  };
}

function isState(value: string): value is KeyState {
  return KEY_STATES.includes(value as KeyState);
}

function membersOf(body: unknown): Members | null {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? (body as Members) : null;
}

function strangerIn(members: Members, known: readonly string[]): string | null {
  return Object.keys(members).find(name => !known.includes(name)) ?? null;
}

function readLabels({ name, notes }: Members): Labels | string {
  if (name !== undefined && name !== null && !isText(name, NAME_CHARS_MAX))
    return `name is a text of 1 to ${NAME_CHARS_MAX} characters, or null`;
  if (notes !== undefined && notes !== null && !isText(notes, NOTES_CHARS_MAX))
    return `notes are a text of 1 to ${NOTES_CHARS_MAX} characters without control characters, or null`;
  return {
    ...(name === undefined ? {} : { name: name as string | null }),
    ...(notes === undefined ? {} : { notes: notes as string | null }),
  };
}

function isText(value: unknown, charsMax: number): boolean {
  return (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= charsMax &&
    value.isWellFormed() &&
    !CONTROL.test(value)
  );
}
