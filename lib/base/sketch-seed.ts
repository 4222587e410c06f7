import { createHmac, hash, randomBytes } from 'node:crypto';
import { Secret } from './secret.ts';

/** Where a name lies in a sketch: one word for each row, up to `DEPTH_MAX` of them. */
export type SketchKey = Uint32Array;

/** Rows a sketch may have: a SHA-256 digest has eight words. */
export const DEPTH_MAX = 8;

const SEED_BYTES = 32;
const MAC_BYTES = 16;

/**
 * The secret that decides where names fall. Who does not know it cannot choose
 * names that fall together, so nobody can fill up somebody else's counters.
 */
export class SketchSeed {
  /** Tells seeds apart; says nothing of the secret. 16 hex digits. */
  readonly id: string;
  readonly #hex: Secret;

  /** @param bytes exactly 32. */
  constructor(bytes: Uint8Array) {
    if (bytes.length !== SEED_BYTES) throw new RangeError(`a seed has ${SEED_BYTES} bytes`);
    const hex = Buffer.from(bytes).toString('hex');
    this.#hex = new Secret(hex);
    this.id = hash('sha256', `weir sketch seed\0${hex}`, 'hex').slice(0, 16);
  }

  static random(): SketchSeed {
    return new SketchSeed(randomBytes(SEED_BYTES));
  }

  /** Names of different kinds never share a key by their spelling: a kind holds no NUL. */
  keyOf(kind: string, name: string): SketchKey {
    const digest = hash('sha256', `${this.#hex.reveal()}\0${kind}\0${name}`, 'buffer');
    const key = new Uint32Array(DEPTH_MAX);
    for (let row = 0; row < DEPTH_MAX; row++) key[row] = digest.readUInt32LE(row * 4);
    return key;
  }

  /** 16 bytes that only a holder of the seed can make. */
  mac(message: Uint8Array): Buffer {
    return createHmac('sha256', this.#hex.reveal()).update(message).digest().subarray(0, MAC_BYTES);
  }

  /** The plain secret, for the one place where all instances of a fleet find it. */
  reveal(): Uint8Array {
    return Buffer.from(this.#hex.reveal(), 'hex');
  }
}
