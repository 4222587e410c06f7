import { isUtf8 } from 'node:buffer';
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** No config, key or certificate comes near this; a file that does is not one. */
export const MAX_FILE_BYTES = 1024 * 1024;

const CHUNK_BYTES = 64 * 1024;

const REASONS: ReadonlyMap<string, string> = new Map([
  ['ENOENT', 'does not exist'],
  ['ENOTDIR', 'does not exist'],
  ['EACCES', 'may not be read by this user'],
  ['EPERM', 'may not be read by this user'],
  ['EISDIR', 'is a directory'],
  ['ELOOP', 'is a symbolic link to itself'],
]);

export type CappedFile =
  | { readonly ok: true; readonly text: string /** Permission bits. */; readonly mode: number }
  | {
      readonly ok: false /** Completes "the file …". */;
      readonly reason: string;
      readonly line: number | null;
    };

/**
 * Reads a UTF-8 file of at most `MAX_FILE_BYTES`. Pipes work (their size is
 * not known beforehand), and an endless one is given up at the cap.
 */
export function readCapped(path: string): CappedFile {
  let bytes: Buffer;
  let mode: number;
  try {
    const fd = openSync(path, 'r');
    try {
      mode = fstatSync(fd).mode & 0o777;
      bytes = readUpToCap(fd);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    return { ok: false, reason: REASONS.get(code) ?? `cannot be read (${code})`, line: null };
  }
  if (bytes.length > MAX_FILE_BYTES) {
    return { ok: false, reason: 'is larger than 1 MiB', line: null };
  }
  if (!isUtf8(bytes)) {
    return { ok: false, reason: 'is not UTF-8 text', line: firstBadLine(bytes) };
  }
  return { ok: true, text: new TextDecoder().decode(bytes), mode };
}

function readUpToCap(fd: number): Buffer {
  const chunks: Buffer[] = [];
  let total = 0;
  while (total <= MAX_FILE_BYTES) {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const count = readSync(fd, chunk, 0, CHUNK_BYTES, null);
    if (count === 0) break;
    chunks.push(chunk.subarray(0, count));
    total += count;
  }
  return Buffer.concat(chunks);
}

/** UTF-8 never uses the newline byte inside a character, so lines can be judged one by one. */
function firstBadLine(bytes: Buffer): number {
  let line = 1;
  let start = 0;
  for (;;) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline === -1 ? bytes.length : newline;
    if (newline === -1 || !isUtf8(bytes.subarray(start, end))) return line;
    start = newline + 1;
    line++;
  }
}
