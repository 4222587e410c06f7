import { createHash, hash } from 'node:crypto';
import type { KvCursor } from '../../bus/index.ts';
import { type BookPlace, type BookRow, DENY_SOURCES, type DenyBook, type DenySource } from './deny-book.ts';
import { DENY_KINDS, type DenyKind } from './entry.ts';
import type { DenyTerms } from './terms.ts';

/** A book as a snapshot has it. */
export interface SavedBook extends BookPlace {
  readonly source: DenySource;
}

export interface Snapshot {
  readonly books: readonly SavedBook[];
  readonly count: number;
  read(): SnapshotReader;
}

/**
 * The format: `MAGIC`, a 32-bit length and as much JSON (the books), the
 * entries, `END` with the 32-bit count of entries, and SHA-256 of all before.
 * An entry: tag (kind, and what follows), book, 16-bit lengths of id and reason,
 * both in UTF-8, and up to three doubles. Little-endian.
 */
const MAGIC = Buffer.from('weir deny 1\n');
const END = 0xff;
const KIND_BITS = 3;
const HAS_UNTIL = 4;
const HAS_ISSUED_BEFORE = 8;
const HAS_REVISION = 16;
/** The reason is that of the entry before; its length is 0. */
const SAME_REASON = 32;
const HEAD_BYTES = 6;
const DIGEST_BYTES = 32;
const TRAILER_BYTES = 5 + DIGEST_BYTES;

const CHUNK_BYTES = 256 * 1024;
/** Two texts of 256 characters of three bytes, and the rest. */
const ENTRY_BYTES_MAX = 2048;

/**
 * Books as a snapshot, chunk by chunk; a chunk's memory is used again for the
 * next. The books may change between two chunks: what is in all of them from
 * the first chunk to the last is in the snapshot, and the places are those at
 * the first, so that whatever was missed comes again from there.
 */
export function* encodeSnapshot(books: readonly DenyBook[]): Generator<Buffer> {
  const digest = createHash('sha256');
  const signed = (chunk: Buffer): Buffer => {
    digest.update(chunk);
    return chunk;
  };
  const header = Buffer.from(
    JSON.stringify({ books: books.map(({ source, place }) => ({ source, ...place })) }),
  );
  const length = Buffer.alloc(4);
  length.writeUInt32LE(header.length);
  yield signed(Buffer.concat([MAGIC, length, header]));
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  let used = 0;
  let count = 0;
  let reason: string | null = null;
  for (const [index, book] of books.entries()) {
    for (let row = 0; row < book.top; row++) {
      const entry = book.at(row);
      if (entry === null) continue;
      used = writeEntry(chunk, used, index, entry, entry.terms.reason === reason);
      reason = entry.terms.reason;
      count++;
      if (used > CHUNK_BYTES - ENTRY_BYTES_MAX) {
        yield signed(chunk.subarray(0, used));
        used = 0;
      }
    }
  }
  chunk[used] = END;
  chunk.writeUInt32LE(count, used + 1);
  yield signed(chunk.subarray(0, used + 5));
  yield digest.digest();
}

function writeEntry(chunk: Buffer, at: number, book: number, entry: BookRow, isSameReason: boolean): number {
  const { kind, id, terms, revision } = entry;
  const { reason, untilMs, issuedBeforeMs } = terms;
  const idBytes = chunk.write(id, at + HEAD_BYTES);
  const reasonBytes = isSameReason ? 0 : chunk.write(reason, at + HEAD_BYTES + idBytes);
  chunk[at] =
    DENY_KINDS.indexOf(kind) |
    (untilMs === null ? 0 : HAS_UNTIL) |
    (issuedBeforeMs === null ? 0 : HAS_ISSUED_BEFORE) |
    (revision === 0 ? 0 : HAS_REVISION) |
    (isSameReason ? SAME_REASON : 0);
  chunk[at + 1] = book;
  chunk.writeUInt16LE(idBytes, at + 2);
  chunk.writeUInt16LE(reasonBytes, at + 4);
  let end = at + HEAD_BYTES + idBytes + reasonBytes;
  if (untilMs !== null) end = chunk.writeDoubleLE(untilMs, end);
  if (issuedBeforeMs !== null) end = chunk.writeDoubleLE(issuedBeforeMs, end);
  return revision === 0 ? end : chunk.writeDoubleLE(revision, end);
}

/** A snapshot, or why these bytes are none: completes "it …". */
export function decodeSnapshot(bytes: Buffer): Snapshot | string {
  if (bytes.length === 0) return 'is empty';
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC))
    return 'does not begin as a deny snapshot of this version does';
  const digestAt = bytes.length - DIGEST_BYTES;
  const headerStart = MAGIC.length + 4;
  if (digestAt < headerStart + TRAILER_BYTES - DIGEST_BYTES) return 'breaks off';
  const digest = hash('sha256', bytes.subarray(0, digestAt), 'buffer');
  if (!digest.equals(bytes.subarray(digestAt)))
    return 'does not have the checksum that it says: it was cut or changed';
  const entriesStart = headerStart + bytes.readUInt32LE(MAGIC.length);
  const header = JSON.parse(bytes.toString('utf8', headerStart, entriesStart)) as { books: SavedBook[] };
  return {
    books: header.books.map(savedBook),
    count: bytes.readUInt32LE(digestAt - 4),
    read: () => new SnapshotReader(bytes, entriesStart),
  };
}

function savedBook({ source, origin, cursor, currentMs }: SavedBook): SavedBook {
  return {
    source: DENY_SOURCES.find(name => name === source)!,
    origin,
    cursor: savedCursor(cursor),
    currentMs,
  };
}

function savedCursor(cursor: KvCursor | null): KvCursor | null {
  if (cursor === null) return null;
  const { created, revision, mark } = cursor;
  return { created, revision, ...(mark === undefined ? {} : { mark }) };
}

/** Stands on one entry after the other. Not an iterator: that would make an object of each of a million. */
export class SnapshotReader {
  /** Index among the books. */
  book = 0;
  kind: DenyKind = DENY_KINDS[0];
  id = '';
  /** One object for all entries in a row that have one reason and nothing else. */
  terms: DenyTerms = { reason: '', untilMs: null, issuedBeforeMs: null };
  revision = 0;
  readonly #bytes: Buffer;
  #at: number;
  #plain = this.terms;

  constructor(bytes: Buffer, start: number) {
    this.#bytes = bytes;
    this.#at = start;
  }

  /** Goes to the next entry, the first time to the first; false at the end. */
  next(): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    const tag = bytes[at]!;
    if (tag === END) return false;
    const idEnd = at + HEAD_BYTES + bytes.readUInt16LE(at + 2);
    const reasonEnd = idEnd + bytes.readUInt16LE(at + 4);
    this.book = bytes[at + 1]!;
    this.kind = DENY_KINDS[tag & KIND_BITS]!;
    this.id = bytes.toString('utf8', at + HEAD_BYTES, idEnd);
    if ((tag & SAME_REASON) === 0)
      this.#plain = { ...this.#plain, reason: bytes.toString('utf8', idEnd, reasonEnd) };
    this.#at = reasonEnd;
    const untilMs = this.#number(tag & HAS_UNTIL);
    const issuedBeforeMs = this.#number(tag & HAS_ISSUED_BEFORE);
    this.revision = this.#number(tag & HAS_REVISION) ?? 0;
    this.terms =
      untilMs === null && issuedBeforeMs === null ? this.#plain : { ...this.#plain, untilMs, issuedBeforeMs };
    return true;
  }

  #number(has: number): number | null {
    if (has === 0) return null;
    this.#at += 8;
    return this.#bytes.readDoubleLE(this.#at - 8);
  }
}
