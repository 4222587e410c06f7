import type { Fact } from '../pipeline/index.ts';
import { BLANK_FACT } from './blank-fact.ts';

/** A call of the ops listener, to be put on record before it takes effect. */
export interface AdminCall {
  /** Name of the admin key. */
  readonly admin: string;
  readonly role: string;
  readonly method: string;
  readonly path: string;
  readonly requestId: string;
  /** Of the path. */
  readonly params: Readonly<Record<string, string>>;
  /** The parsed JSON body, whatever it is. */
  readonly body: unknown;
}

/** What of an admin call's body is put on record, where it is text. */
const RECORDED_MEMBERS = ['kind', 'id', 'reason', 'until', 'issuedBefore', 'subject', 'expires'] as const;

const CHARS_MAX = 256;

/** A whole virtual key or an issuer's secret, or what is left of one. */
const KEY_MATERIAL = /[\w-]*(?:v4\.public|k4\.(?:secret|local))\.[\w.=-]*/g;

function recordedBody(body: unknown): Record<string, string> {
  if (typeof body !== 'object' || body === null) return {};
  const members = body as Readonly<Record<string, unknown>>;
  return Object.fromEntries(
    RECORDED_MEMBERS.flatMap(name => {
      const value = members[name];
      // A whole key in the place of its id is not for keeping.
      return typeof value === 'string' && !holdsKey(value) ? [[name, keptText(value)]] : [];
    }),
  );
}

/** What of an admin call's path and body is kept. */
export function recordedOf({ body, params }: Pick<AdminCall, 'body' | 'params'>): Record<string, string> {
  const named = Object.entries(params).map(([name, value]) => [name, withoutKeys(value)]);
  return { ...recordedBody(body), ...Object.fromEntries(named) };
}

/** A path as it is kept: whoever writes a key where its id belongs must not find it in the records. */
export function recordedPath({ path, params }: Pick<AdminCall, 'path' | 'params'>): string {
  return Object.values(params).some(holdsKey) ? withoutKeys(decodeURIComponent(path)) : path;
}

function holdsKey(text: string): boolean {
  return text.search(KEY_MATERIAL) !== -1;
}

/** Nobody has judged the body yet, and stores keep what is no character as another one: it would not be found under what it was. */
function keptText(text: string): string {
  return text.slice(0, CHARS_MAX).toWellFormed().replaceAll('\0', '\uFFFD');
}

function withoutKeys(text: string): string {
  return text.replaceAll(KEY_MATERIAL, '[key]');
}

/** The record of an admin call: nothing of it has happened yet, so it has no status. */
export function adminFact(id: string, call: AdminCall, wallMs: number): Fact {
  return {
    // What reads a journal tells a fact by how its line begins.
    v: 1,
    id,
    time: new Date(wallMs).toISOString(),
    ...BLANK_FACT,
    kind: 'admin',
    auth: 'static',
    requestId: call.requestId,
    subject: call.admin,
    keyId: call.admin,
    tags: { ...recordedOf(call), role: call.role },
    method: call.method,
    path: recordedPath(call),
  };
}
