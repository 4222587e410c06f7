import { type Clock, type Fingerprint, FingerprintTable } from '../../base/index.ts';
import { Refusal } from '../../errors/index.ts';
import type { Principal } from '../../pipeline/index.ts';
import { DenyGate } from './deny-gate.ts';
import type { DenyKind } from './entry.ts';
import { Fingerprinter, type Named } from './fingerprinter.ts';
import { judgePacked } from './terms.ts';

/** What another thread needs to judge by the same set. Can be posted. */
export interface DenyShare {
  readonly table: SharedArrayBuffer;
  readonly gate: SharedArrayBuffer;
  readonly secret: string;
}

/** What is kept of a principal. */
interface Known {
  readonly names: readonly Named[];
  /** The table's version at which nothing was found against it. */
  clearAt: number | null;
}

/**
 * Judges principals by the shared table, in any thread. What a principal is
 * known by is computed once: the same principal is judged by a look at the
 * table's version as long as that does not change.
 */
export class DenyLookup {
  readonly #table: FingerprintTable;
  readonly #gate: DenyGate;
  readonly #prints: Fingerprinter;
  readonly #clock: Clock;
  readonly #known = new WeakMap<Principal, Known>();

  constructor({ table, gate, secret }: DenyShare, clock: Clock) {
    this.#table = new FingerprintTable(table);
    this.#gate = new DenyGate(gate);
    this.#prints = new Fingerprinter(secret);
    this.#clock = clock;
  }

  /** Whether it is denied, by any of its names; a reason that is not `spend` goes first. */
  judge(principal: Principal): Refusal | undefined {
    if (!isOurs(principal) || this.#table.size === 0) return undefined;
    const known = this.#knownOf(principal);
    const { version } = this.#table;
    if (known.clearAt === version) return undefined;
    let hold: Refusal | undefined;
    for (const { print, kind, id } of known.names) {
      const verdict = this.#verdict(print, principal.issuedMs);
      if (verdict === 'denied') return new Refusal('invalid_key', `the deny set has ${kind} ${id}`);
      if (verdict === 'spend') hold ??= new Refusal('spend_hold', `the deny set has ${kind} ${id}`);
    }
    if (hold === undefined) known.clearAt = version;
    return hold;
  }

  /** Whether anything may be judged now: null detail, since it is no matter of the key. */
  gateRefusal({ auth }: Principal): Refusal | undefined {
    return auth === 'virtual' ? this.#gate.refusal(this.#clock.wallMs) : undefined;
  }

  #verdict(print: Fingerprint, issuedMs: number | null): ReturnType<typeof judgePacked> {
    const value = this.#table.lookup(print);
    return value === null ? null : judgePacked(value, issuedMs, this.#clock.wallMs());
  }

  #knownOf(principal: Principal): Known {
    const known = this.#known.get(principal);
    if (known !== undefined) return known;
    const { keyId, subject, issuer } = principal;
    const named = (kind: DenyKind, id: string | null): Named[] =>
      id === null ? [] : [this.#prints.named(kind, id)];
    const names = [...named('key', keyId), ...named('subject', subject), ...named('issuer', issuer)];
    const fresh = { names, clearAt: null };
    this.#known.set(principal, fresh);
    return fresh;
  }
}

/** Only keys of ours are denied: what another's key is, its provider says. */
function isOurs({ auth }: Principal): boolean {
  return auth === 'virtual' || auth === 'static';
}
