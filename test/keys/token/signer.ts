import { createPrivateKey, type KeyObject, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../../../lib/base/index.ts';
import type { KeyFault } from '../../../lib/keys/token/key-fault.ts';
import {
  KeyVerifier,
  type KeyVerifierOptions,
  type VerifiedKey,
} from '../../../lib/keys/token/key-verifier.ts';
import { newIssuer } from '../../../lib/keys/token/mint.ts';
import { root } from '../../house/tree.ts';

export const DAY_MS = 86_400_000;
export const NOW_MS = Date.parse('2026-11-20T12:00:00Z');

/** A JSON file below test/vectors. */
export function vectors<T>(file: string): T {
  return JSON.parse(readFileSync(join(root, 'test/vectors', file), 'utf8')) as T;
}

/** Both hands are moved by the test. */
export class HeldClock implements Clock {
  nowMs = NOW_MS;
  runMs = 1_000_000;

  wallMs(): number {
    return this.nowMs;
  }

  monotonicMs(): number {
    return this.runMs;
  }
}

function le64(count: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(count));
  return bytes;
}

/** An issuer that signs anything, by node:crypto and from the text of the PASETO specification alone. */
export class Signer {
  readonly publicKey: string;
  readonly id: string;
  readonly secretKey: string;
  readonly #key: KeyObject;

  constructor() {
    const { publicKey, secretKey, id } = newIssuer();
    this.publicKey = publicKey;
    this.secretKey = secretKey;
    this.id = id;
    const secret = Buffer.from(secretKey.slice('k4.secret.'.length), 'base64url');
    const jwk = { kty: 'OKP', crv: 'Ed25519', d: b64(secret.subarray(0, 32)), x: b64(secret.subarray(32)) };
    this.#key = createPrivateKey({ key: jwk, format: 'jwk' });
  }

  sign(bytes: Buffer): Buffer {
    return sign(null, bytes, this.#key);
  }

  /** The parts of a token over these bytes. */
  parts(payload: string | Buffer, footer = `{"kid":"${this.id}"}`): { body: Buffer; footer: Buffer } {
    const message = Buffer.from(payload);
    const pieces = [Buffer.from('v4.public.'), message, Buffer.from(footer), Buffer.alloc(0)];
    const encoded = [le64(pieces.length), ...pieces.flatMap(piece => [le64(piece.length), piece])];
    return {
      body: Buffer.concat([message, this.sign(Buffer.concat(encoded))]),
      footer: Buffer.from(footer),
    };
  }

  key(payload: string | Buffer, footer?: string): string {
    const parts = this.parts(payload, footer);
    return `weir_v4.public.${b64(parts.body)}.${b64(parts.footer)}`;
  }

  /** A key with usual claims and these on top; undefined takes one out. */
  usual(claims: Readonly<Record<string, unknown>> = {}): string {
    return this.key(JSON.stringify({ ...USUAL, ...claims }));
  }
}

export const USUAL = {
  sub: 'alice',
  jti: 'key-1',
  iat: '2026-11-20T00:00:00Z',
  exp: '2026-12-20T00:00:00Z',
};

export function b64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}

export type Verdict = VerifiedKey | KeyFault | Promise<VerifiedKey | KeyFault>;

/** A verifier that gives the verified key itself. */
export function verifierOf(
  issuers: readonly (Signer | { publicKey: string; issuer?: string; maxLifetimeMs?: number })[],
  options: Partial<KeyVerifierOptions<VerifiedKey>> = {},
): KeyVerifier<VerifiedKey> {
  return new KeyVerifier<VerifiedKey>({
    issuers: issuers.map(issuer => ({
      maxLifetimeMs: 90 * DAY_MS,
      ...(issuer instanceof Signer ? { publicKey: issuer.publicKey } : issuer),
    })),
    prefixes: ['weir_'],
    audience: null,
    clock: new HeldClock(),
    admit: key => key,
    ...options,
  });
}
