import { join } from 'node:path';
import { listJournal, originOf, type Segment, unlessGone } from './journal-folder.ts';
import type { JournalRecord } from './journal-line.ts';
import { readSegment } from './segment-reader.ts';
import { SeqTable } from './seq-table.ts';

/** What the journal of one run of one process holds. */
export interface BootReport {
  /** `instance:boot`, the beginning of its ids. */
  readonly origin: string;
  /** False while it is written, or cut off and not yet recovered by a start. */
  readonly ended: boolean;
  readonly segments: number;
  readonly facts: number;
  /** Facts of exchanges that a crash cut. */
  readonly lost: number;
  /** Exchanges that were begun and have no fact. */
  readonly open: number;
  /** Segments whose last line is not whole: what a crash leaves. */
  readonly torn: number;
  /** Lines whose checksum is absent or wrong, and lines of another run. */
  readonly broken: number;
  /** Facts that are there more than once, each further one counted. */
  readonly repeated: number;
  /** Facts whose id another fact has. */
  readonly conflicts: number;
  /** Numbers without a record: own pages, summed-up refusals, and what was cut off before it was dispatched. */
  readonly unused: number;
}

export interface JournalReport {
  readonly ok: boolean;
  readonly boots: readonly BootReport[];
}

const LOST = '"outcome":"lost"';

function isSound({ ended, open, broken, repeated, conflicts }: BootReport): boolean {
  return broken + repeated + conflicts === 0 && (open === 0 || !ended);
}

/** Reads a whole journal, in about five bytes of memory an exchange. Rejects with the system's error. */
export async function checkJournal(folder: string): Promise<JournalReport> {
  const { segments, claims } = await listJournal(folder);
  const claimed = new Set(claims.map(originOf));
  const boots: BootReport[] = [];
  for (const [origin, ofBoot] of Map.groupBy(segments, originOf))
    boots.push(await checkBoot(folder, origin, ofBoot, !claimed.has(origin)));
  return { ok: boots.every(isSound), boots };
}

async function checkBoot(
  folder: string,
  origin: string,
  segments: readonly Segment[],
  ended: boolean,
): Promise<BootReport> {
  const table = new SeqTable();
  const counts = { facts: 0, lost: 0, torn: 0, broken: 0, repeated: 0, conflicts: 0 };
  const take = (record: JournalRecord): void => {
    if (record.kind === 'other') return;
    if (record.origin !== origin) counts.broken++;
    else if (record.kind === 'open') table.open(record.seq);
    else {
      const met = table.fact(record.seq, record.crc);
      if (met === 'same') counts.repeated++;
      else if (met === 'other') counts.conflicts++;
      else {
        counts.facts++;
        if (record.bytes.includes(LOST)) counts.lost++;
      }
    }
  };
  for (const { file } of segments) {
    const reading = await unlessGone(readSegment(join(folder, file), 0, take));
    if (reading === null) continue;
    counts.broken += reading.broken;
    if (reading.torn) counts.torn++;
  }
  return {
    ...counts,
    origin,
    ended,
    segments: segments.length,
    open: table.unended,
    unused: table.unused,
  };
}
