import type { SketchSeed } from '../base/index.ts';

/** Identifies the layout below. A change of layout is another number. */
const MAGIC = Buffer.from('WLD1');
const SEED_ID_BYTES = 8;
const BOOT_BYTES = 8;
const MAC_BYTES = 16;
/** Bytes of a message at most: what NATS servers accept without being told to is 1 MiB. */
export const MESSAGE_BYTES_MAX = 256 * 1024;
/** Cells in a message: each takes 10 bytes at most. */
export const MESSAGE_CELLS_MAX = 20_000;
/** Instance names longer than this are cut. */
const INSTANCE_BYTES_MAX = 255;

/** What one instance has counted in one slot of one dimension since it last said so. */
export interface Delta {
  readonly instance: string;
  /** 16 hex digits: new at each start of an instance. */
  readonly boot: string;
  /** One more with each message of a boot. */
  readonly serial: number;
  /** Its number in the list of dimensions. */
  readonly dimension: number;
  readonly width: number;
  readonly depth: number;
  readonly slotMs: number;
  /** Slots of `slotMs` since 1970. */
  readonly unixSlot: number;
  /** Ascending, below width × depth. */
  readonly cells: readonly number[];
  /** Not zero; what was taken back is negative. */
  readonly counts: readonly number[];
}

/** Why a message is not to be believed. */
export type DeltaFault = 'size' | 'malformed' | 'seed' | 'forged';

/**
 * A delta as it goes over the bus: magic, seed id, boot, instance, numbers as
 * LEB128 varints, cells as gaps with zigzag counts, and at the end a MAC under
 * the seed, so that only members of the fleet can write one.
 */
export function encodeDelta(delta: Delta, seed: SketchSeed): Buffer {
  const instance = Buffer.from(delta.instance).subarray(0, INSTANCE_BYTES_MAX);
  const { serial, dimension, width, depth, slotMs, unixSlot, cells, counts } = delta;
  const out = Buffer.allocUnsafe(512 + cells.length * 10);
  let at = MAGIC.copy(out, 0);
  at += out.write(seed.id, at, 'hex');
  at += out.write(delta.boot, at, 'hex');
  at = out.writeUInt8(instance.length, at);
  at += instance.copy(out, at);
  for (const value of [serial, dimension, width, depth, slotMs, unixSlot, cells.length]) {
    at = writeVarint(out, at, value);
  }
  let before = -1;
  for (let i = 0; i < cells.length; i++) {
    at = writeVarint(out, at, cells[i]! - before - 1);
    at = writeVarint(out, at, zigzag(counts[i]!));
    before = cells[i]!;
  }
  at += seed.mac(out.subarray(0, at)).copy(out, at);
  return out.subarray(0, at);
}

/** Reads a message whole before anything of it is used. Never throws, whatever the bytes. */
export function decodeDelta(message: Uint8Array, seed: SketchSeed): Delta | DeltaFault {
  if (message.length > MESSAGE_BYTES_MAX) return 'size';
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const bodyBytes = bytes.length - MAC_BYTES;
  const seedEnd = MAGIC.length + SEED_ID_BYTES;
  if (bodyBytes < seedEnd || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) return 'malformed';
  if (bytes.toString('hex', MAGIC.length, seedEnd) !== seed.id) return 'seed';
  const body = bytes.subarray(0, bodyBytes);
  if (!seed.mac(body).equals(bytes.subarray(bodyBytes))) return 'forged';
  return readBody(new Reader(body, seedEnd));
}

function readBody(reader: Reader): Delta | 'malformed' {
  const boot = reader.bytes(BOOT_BYTES).toString('hex');
  const instance = reader.bytes(reader.byte()).toString();
  const serial = reader.varint();
  const dimension = reader.varint();
  const width = reader.varint();
  const depth = reader.varint();
  const slotMs = reader.varint();
  const unixSlot = reader.varint();
  const length = reader.varint();
  const cells: number[] = [];
  const counts: number[] = [];
  if (length > MESSAGE_CELLS_MAX) return 'malformed';
  let cell = -1;
  for (let i = 0; i < length && !reader.failed; i++) {
    cell += reader.varint() + 1;
    const count = unzigzag(reader.varint());
    if (cell >= width * depth || count === 0 || Math.abs(count) > COUNT_MAX) return 'malformed';
    cells.push(cell);
    counts.push(count);
  }
  if (reader.failed || !reader.isAtEnd) return 'malformed';
  return { instance, boot, serial, dimension, width, depth, slotMs, unixSlot, cells, counts };
}

const COUNT_MAX = 2 ** 30;

function zigzag(n: number): number {
  return n >= 0 ? n * 2 : -n * 2 - 1;
}

function unzigzag(n: number): number {
  return n % 2 === 0 ? n / 2 : -(n + 1) / 2;
}

function writeVarint(out: Buffer, at: number, value: number): number {
  while (value >= 0x80) {
    at = out.writeUInt8((value % 0x80) + 0x80, at);
    value = Math.floor(value / 0x80);
  }
  return out.writeUInt8(value, at);
}

/** Reads fields in turn. Past the end, or at a number too large, it has failed and reads zeros. */
class Reader {
  failed = false;
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  bytes(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) this.failed = true;
    const part = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return part;
  }

  byte(): number {
    const value = this.#bytes[this.#at];
    if (value === undefined) {
      this.failed = true;
      return 0;
    }
    this.#at++;
    return value;
  }

  varint(): number {
    let value = 0;
    for (let factor = 1; factor <= 0x80 ** 6; factor *= 0x80) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
    }
    this.failed = true;
    return 0;
  }
}
