import { hash } from 'node:crypto';

/** What may stand in the audit: JSON, its numbers whole and safe. */
export type AuditValue =
  | string
  | number
  | boolean
  | null
  | readonly AuditValue[]
  | { readonly [name: string]: AuditValue };

/** An admin change as whoever makes it tells of it; the chain adds its place. */
export interface AuditDraft {
  /** UTC, RFC 3339 with milliseconds. */
  readonly time: string;
  /** Name of the admin key. */
  readonly admin: string;
  readonly role: string;
  /** Method and path of the call. */
  readonly action: string;
  readonly requestId: string;
  /** `done`: one transaction with the change. `intended`: before it. `failed`: what was intended did not take place. */
  readonly outcome: 'done' | 'intended' | 'failed';
  readonly details: { readonly [name: string]: AuditValue };
}

/** An entry in its place. What is not in `payload` is there to find it and to check it. */
export interface AuditLink {
  /** From 1, without gaps. */
  readonly seq: number;
  readonly time: string;
  /** Canonical JSON (RFC 8785) of the draft with `v` and `seq`. */
  readonly payload: string;
  /** `hash` of the entry before; 64 zeros for the first. */
  readonly prevHash: string;
  /** See `hashOf`. */
  readonly hash: string;
}

/** The end of a chain: whoever keeps it elsewhere can tell later whether what led to it still stands. */
export interface AuditHead {
  /** 0 while there is no entry. */
  readonly seq: number;
  readonly hash: string;
}

/** What a walk along the whole chain found. */
export interface ChainVerdict {
  /** The last entry up to which everything agrees. */
  readonly head: AuditHead;
  /** The first entry that does not, and how; null where the chain is whole. */
  readonly broken: { readonly seq: number; readonly problem: string } | null;
}

/** The head of a chain without entries. */
export const EMPTY_HEAD: AuditHead = Object.freeze({ seq: 0, hash: '0'.repeat(64) });

const VERSION = 1;

/** The entry that follows a head. */
export function linkTo(head: AuditHead, draft: AuditDraft): AuditLink {
  const seq = head.seq + 1;
  const payload = canonicalJson({ ...draft, v: VERSION, seq });
  return { seq, time: draft.time, payload, prevHash: head.hash, hash: hashOf(head.hash, payload) };
}

/** SHA-256 over the 32 bytes that `prevHash` spells and the bytes of the payload in UTF-8, in lower-case hex. */
export function hashOf(prevHash: string, payload: string): string {
  return hash('sha256', Buffer.concat([Buffer.from(prevHash, 'hex'), Buffer.from(payload)]));
}

/** JSON as RFC 8785 spells it: members by name in order of UTF-16 units, no white space. */
export function canonicalJson(value: AuditValue): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  const members = Object.keys(value)
    .sort()
    .map(name => `${JSON.stringify(name)}:${canonicalJson(value[name]!)}`);
  return `{${members.join(',')}}`;
}

function isList(value: object): value is readonly AuditValue[] {
  return Array.isArray(value);
}

/**
 * Walks along a chain, one entry after the other, until one does not follow
 * from those before it.
 */
export class ChainWalk {
  readonly #expected: AuditHead | null;
  #head = EMPTY_HEAD;
  #broken: ChainVerdict['broken'] = null;

  /** @param expected a head that was kept elsewhere; the walk must come past it. */
  constructor(expected: AuditHead | null) {
    this.#expected = expected;
  }

  /** False once something is broken: what follows says nothing any more. */
  take(link: AuditLink): boolean {
    const problem = this.#problemOf(link);
    if (problem !== null) this.#broken = { seq: link.seq, problem };
    else this.#head = { seq: link.seq, hash: link.hash };
    return problem === null;
  }

  end(): ChainVerdict {
    const expected = this.#expected;
    if (this.#broken === null && expected !== null && expected.seq > this.#head.seq) {
      const problem = `it is not there: the chain ends with ${this.#head.seq}, and once had ${expected.seq} entries`;
      this.#broken = { seq: this.#head.seq + 1, problem };
    }
    return { head: this.#head, broken: this.#broken };
  }

  #problemOf({ seq, time, payload, prevHash, hash: stated }: AuditLink): string | null {
    const { seq: before, hash: beforeHash } = this.#head;
    if (seq !== before + 1) return `it follows ${before}: what stood between is gone, or it was moved`;
    if (prevHash !== beforeHash) return 'its prevHash is not the hash of the entry before';
    if (stated !== hashOf(prevHash, payload)) return 'its hash is not that of its payload';
    const said = membersOf(payload);
    if (said === null) return 'its payload is no JSON object';
    if (said.seq !== seq) return `its payload is that of ${String(said.seq)}`;
    if (said.time !== time) return 'its time is not that of its payload';
    if (this.#expected?.seq === seq && this.#expected.hash !== stated)
      return 'its hash is another than the one that was kept: the chain was written anew';
    return null;
  }
}

function membersOf(payload: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(payload);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}
