import { crc32 } from 'node:zlib';
import type { Fact } from '../pipeline/index.ts';

/** How every line begins; inside a JSON string its quotes would be escaped, so it is found again after damage. */
export const LINE_START = '{"v":1,';
const FACT_START = `${LINE_START}"id":"`;
export const OPEN_START = `${LINE_START}"open":true,`;
const OPEN_ID_START = `${OPEN_START}"id":"`;
const CRC_END = /^,"crc":"([0-9a-f]{8})"\}$/;
/** Of `,"crc":"01234567"}`. */
export const CRC_END_BYTES = 18;
const ID = /^([^:]+:[0-9a-f]+):([1-9][0-9]{0,14})$/;
const QUOTE = 0x22;

/** A JSON object's text with the CRC-32 of what stands before it as last member, and the line's end (CONTRACT §5). */
export function sealedLine(json: string): string {
  const body = json.slice(0, -1);
  return `${body},"crc":"${crc32(body).toString(16).padStart(8, '0')}"}\n`;
}

/** One line: the fact's JSON, sealed. */
export function journalLine(fact: Fact): string {
  return sealedLine(JSON.stringify(fact));
}

/** A whole line of a journal. */
export interface JournalRecord {
  /** `other`: written by a version that knows more. */
  readonly kind: 'fact' | 'open' | 'other';
  /** `instance:boot`; empty for `other`. */
  readonly origin: string;
  readonly seq: number;
  readonly crc: number;
  /** The line without its end, in memory that is used again: copy what is kept. */
  readonly bytes: Buffer;
}

/** Reads a line, given without its end. Null where the checksum is absent or wrong. */
export function readLine(bytes: Buffer): JournalRecord | null {
  const crcAt = bytes.length - CRC_END_BYTES;
  if (crcAt <= 0) return null;
  const stated = CRC_END.exec(bytes.toString('latin1', crcAt))?.[1];
  if (stated === undefined) return null;
  const crc = Number.parseInt(stated, 16);
  if (crc32(bytes.subarray(0, crcAt)) !== crc) return null;
  const kind = bytes.toString('latin1', 0, FACT_START.length) === FACT_START ? 'fact' : 'open';
  const id = kind === 'fact' ? idAt(bytes, FACT_START) : openId(bytes);
  if (id === null) return { kind: 'other', origin: '', seq: 0, crc, bytes };
  return { kind, origin: id[1]!, seq: Number(id[2]), crc, bytes };
}

function openId(bytes: Buffer): RegExpExecArray | null {
  return bytes.toString('latin1', 0, OPEN_ID_START.length) === OPEN_ID_START
    ? idAt(bytes, OPEN_ID_START)
    : null;
}

function idAt(bytes: Buffer, start: string): RegExpExecArray | null {
  return ID.exec(bytes.toString('utf8', start.length, bytes.indexOf(QUOTE, start.length)));
}
