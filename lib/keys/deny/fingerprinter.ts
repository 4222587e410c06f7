import { hash, randomBytes } from 'node:crypto';
import { type Fingerprint, fingerprintOf } from '../../base/index.ts';
import type { DenyKind } from './entry.ts';

/** What can be denied, and its fingerprint. */
export interface Named {
  readonly print: Fingerprint;
  readonly kind: DenyKind;
  readonly id: string;
}

/**
 * Names → fingerprints under a secret of one process, so that nobody can choose
 * names that share one, or crowd a part of the table. A secret before what is
 * hashed is enough here (no HMAC): of the digest 64 bits are used, and they are
 * shown to nobody.
 */
export class Fingerprinter {
  /** For other threads of this process. */
  readonly secret: string;

  constructor(secret: string = randomBytes(32).toString('hex')) {
    this.secret = secret;
  }

  named(kind: DenyKind, id: string): Named {
    return { print: this.of(kind, id), kind, id };
  }

  of(kind: DenyKind, id: string): Fingerprint {
    // As a text of bytes: a Buffer takes three times as long to make.
    const digest = hash('sha256', `${this.secret}${kind}\0${id}`, 'binary');
    return fingerprintOf(uint32At(digest, 0), uint32At(digest, 4));
  }
}

function uint32At(bytes: string, at: number): number {
  return (
    bytes.charCodeAt(at) |
    (bytes.charCodeAt(at + 1) << 8) |
    (bytes.charCodeAt(at + 2) << 16) |
    (bytes.charCodeAt(at + 3) << 24)
  );
}
