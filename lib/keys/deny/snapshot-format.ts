import { createHash, hash } from 'node:crypto';
import type { KvCursor } from '../../bus/index.ts';
import { type BookPlace, type BookRow, DENY_SOURCES, type DenyBook, type DenySource } from './deny-book.ts';
import { DENY_KINDS } from './entry.ts';
import type { DenyTerms } from './terms.ts';

/** A book as a snapshot has it. */
export interface SavedBook extends BookPlace {
  readonly source: DenySource;
}

export interface SavedEntry extends BookRow {
  /** Index among the books. */
  readonly book: number;
}

export interface Snapshot {
  readonly books: readonly SavedBook[];
  readonly count: number;
  entries(): Iterable<SavedEntry>;
}

/**
 * The format: `MAGIC`, a 32-bit length and as much JSON (the books), the
 * entries, `END` with the 32-bit count of entries, and SHA-256 of all before.
 * An entry: tag (kind, and which of the numbers follow), book, 16-bit lengths of
 * id and reason, both in UTF-8, and up to three doubles. Little-endian.
 */
const MAGIC = Buffer.from('weir deny 1\n');
const END = 0xff;
const KIND_BITS = 3;
const HAS_UNTIL = 4;
const HAS_ISSUED_BEFORE = 8;
const HAS_REVISION = 16;
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
  for (const [index, book] of books.entries()) {
    for (let row = 0; row < book.top; row++) {
      const entry = book.at(row);
      if (entry === null) continue;
      used = writeEntry(chunk, used, index, entry);
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

function writeEntry(chunk: Buffer, at: number, book: number, entry: BookRow): number {
  const { reason, untilMs, issuedBeforeMs } = entry.terms;
  const idBytes = chunk.write(entry.id, at + HEAD_BYTES);
  const reasonBytes = chunk.write(reason, at + HEAD_BYTES + idBytes);
  chunk[at] =
    DENY_KINDS.indexOf(entry.kind) |
    (untilMs === null ? 0 : HAS_UNTIL) |
    (issuedBeforeMs === null ? 0 : HAS_ISSUED_BEFORE) |
    (entry.revision === 0 ? 0 : HAS_REVISION);
  chunk[at + 1] = book;
  chunk.writeUInt16LE(idBytes, at + 2);
  chunk.writeUInt16LE(reasonBytes, at + 4);
  let end = at + HEAD_BYTES + idBytes + reasonBytes;
  if (untilMs !== null) end = chunk.writeDoubleLE(untilMs, end);
  if (issuedBeforeMs !== null) end = chunk.writeDoubleLE(issuedBeforeMs, end);
  return entry.revision === 0 ? end : chunk.writeDoubleLE(entry.revision, end);
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
    entries: () => readEntries(bytes, entriesStart),
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

function* readEntries(bytes: Buffer, start: number): Generator<SavedEntry> {
  let at = start;
  while (bytes[at] !== END) {
    const tag = bytes[at]!;
    const book = bytes[at + 1]!;
    const idEnd = at + HEAD_BYTES + bytes.readUInt16LE(at + 2);
    const reasonEnd = idEnd + bytes.readUInt16LE(at + 4);
    const id = bytes.toString('utf8', at + HEAD_BYTES, idEnd);
    const reason = bytes.toString('utf8', idEnd, reasonEnd);
    at = reasonEnd;
    const number = (flag: number): number | null => {
      if ((tag & flag) === 0) return null;
      at += 8;
      return bytes.readDoubleLE(at - 8);
    };
    const terms: DenyTerms = {
      reason,
      untilMs: number(HAS_UNTIL),
      issuedBeforeMs: number(HAS_ISSUED_BEFORE),
    };
    const revision = number(HAS_REVISION) ?? 0;
    yield { book, kind: DENY_KINDS[tag & KIND_BITS]!, id, terms, revision };
  }
}
