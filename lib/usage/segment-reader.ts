import { open } from 'node:fs/promises';
import { type JournalRecord, LINE_START, readLine } from './journal-line.ts';

const CHUNK_BYTES = 256 * 1024;
/** No line is longer; what is longer is passed over as broken, in bounded memory. */
const LINE_BYTES_MAX = 1024 * 1024;
const NEWLINE = 0x0a;
const NOTHING = Buffer.alloc(0);

export interface SegmentReading {
  /** Offset behind the last whole line: where reading goes on when there is more. */
  readonly end: number;
  /** Lines that are not what was written. */
  readonly broken: number;
  /** The segment ends within a line: its write was cut off, or is not over yet. */
  readonly torn: boolean;
  /** Where the file ended when it was read up to there; null where it was not. */
  readonly fileEnd: number | null;
}

/**
 * Reads the whole lines of a segment from an offset on, in order. What damage
 * joined in one line is told apart again where its parts are whole. `enough`
 * is asked behind each line, given the offset there, and ends the reading.
 */
export async function readSegment(
  path: string,
  from: number,
  take: (record: JournalRecord) => void,
  enough: (end: number) => boolean = () => false,
): Promise<SegmentReading> {
  const handle = await open(path, 'r');
  let position = from;
  let end = from;
  let broken = 0;
  let rest: Buffer = NOTHING;
  let passing = false;
  try {
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const { bytesRead } = await handle.read(chunk, 0, CHUNK_BYTES, position);
      if (bytesRead === 0) return { end, broken, torn: position > end, fileEnd: position };
      position += bytesRead;
      const read = chunk.subarray(0, bytesRead);
      const data = rest.length === 0 ? read : Buffer.concat([rest, read]);
      let start = 0;
      for (let at = data.indexOf(NEWLINE); at !== -1; at = data.indexOf(NEWLINE, start)) {
        if (passing || !takeLine(data.subarray(start, at), take)) broken++;
        passing = false;
        start = at + 1;
        end = position - data.length + start;
        if (enough(end)) return { end, broken, torn: false, fileEnd: null };
      }
      rest = data.subarray(start);
      if (rest.length > LINE_BYTES_MAX) passing = true;
      if (passing) rest = NOTHING;
    }
  } finally {
    await handle.close();
  }
}

/** False where the line was not one whole record. */
function takeLine(bytes: Buffer, take: (record: JournalRecord) => void): boolean {
  const record = readLine(bytes);
  if (record !== null) take(record);
  else takeParts(bytes, take);
  return record !== null;
}

function takeParts(bytes: Buffer, take: (record: JournalRecord) => void): void {
  for (let at = bytes.indexOf(LINE_START); at !== -1; ) {
    const next = bytes.indexOf(LINE_START, at + 1);
    const part = bytes.subarray(at, next === -1 ? bytes.length : next);
    // The byte that was to end the line may be another now.
    const record = readLine(part) ?? readLine(part.subarray(0, -1));
    if (record !== null) take(record);
    at = next;
  }
}
