import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { Fact } from '../../lib/pipeline/index.ts';

export interface JournalLine {
  readonly segment: string;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

export interface JournalReading {
  readonly segments: readonly string[];
  readonly facts: readonly Fact[];
  /** Whole lines with a right checksum that are not facts, such as `open` lines. */
  readonly others: readonly JournalLine[];
  /** Lines whose checksum is missing or wrong, and a torn last line. */
  readonly bad: readonly string[];
}

const CRC_MEMBER = ',"crc":"';

/** Whether the line's last member is the CRC-32 of what stands before it (CONTRACT §5). */
function crcHolds(line: string): boolean {
  const at = line.lastIndexOf(CRC_MEMBER);
  if (at === -1 || !/^[0-9a-f]{8}"}$/.test(line.slice(at + CRC_MEMBER.length))) return false;
  const stated = line.slice(at + CRC_MEMBER.length, -2);
  return (
    crc32(Buffer.from(line.slice(0, at)))
      .toString(16)
      .padStart(8, '0') === stated
  );
}

/** Reads every segment of a journal folder. A folder that is not there is an empty journal. */
export function readJournal(folder: string): JournalReading {
  const segments = existsSync(folder)
    ? readdirSync(folder)
        .filter(name => name.endsWith('.ndjson'))
        .sort()
    : [];
  const facts: Fact[] = [];
  const others: JournalLine[] = [];
  const bad: string[] = [];
  for (const segment of segments) {
    const lines = readFileSync(join(folder, segment), 'utf8').split('\n');
    const torn = lines.pop()!;
    if (torn !== '') bad.push(torn);
    for (const text of lines) {
      if (!crcHolds(text)) {
        bad.push(text);
        continue;
      }
      const json = JSON.parse(text) as Record<string, unknown>;
      if ('outcome' in json && 'id' in json) facts.push(json as unknown as Fact);
      else others.push({ segment, text, json });
    }
  }
  return { segments, facts, others, bad };
}
