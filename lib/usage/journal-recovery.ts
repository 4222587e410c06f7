import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Warning } from '../pipeline/index.ts';
import { JournalClaim } from './journal-claim.ts';
import { type JournalFile, listJournal, originOf, type Segment, segmentFile } from './journal-folder.ts';
import type { JournalRecord } from './journal-line.ts';
import { lostLine } from './open-record.ts';
import { readSegment } from './segment-reader.ts';
import { SeqTable } from './seq-table.ts';
import { syncFolder } from './sync-folder.ts';

export interface RecoveryOptions {
  readonly folder: string;
  /** Of this process: its journals are not looked at. */
  readonly boot: string;
  readonly warn: (warning: Warning) => void;
}

/** What earlier runs left. */
export interface Recovered {
  /** Exchanges that were begun and now have a fact with the outcome `lost`. */
  lost: number;
  torn: number;
  broken: number;
  /** Facts whose id had been met before. */
  repeated: number;
}

/**
 * Gives a fact to every exchange that an earlier run began and did not settle
 * (CONTRACT §5). Those facts go to a further segment of that run, so that all
 * of it lies in its own segments: a recovery that is itself cut off is done
 * again and finds what it has written. Only when they are on disk does the
 * run's claim go, and with it the reason to look again. Never rejects.
 */
export async function recoverJournal({ folder, boot, warn }: RecoveryOptions): Promise<Readonly<Recovered>> {
  const found: Recovered = { lost: 0, torn: 0, broken: 0, repeated: 0 };
  try {
    const { segments, claims } = await listJournal(folder);
    const earlier = Map.groupBy(
      claims.filter(claim => claim.boot !== boot),
      originOf,
    );
    for (const [origin, ofBoot] of earlier) {
      const seized = await seizeAll(folder, ofBoot);
      if (seized === null) continue;
      let settled = false;
      try {
        const own = segments.filter(segment => originOf(segment) === origin);
        await recoverBoot(folder, own, found);
        settled = true;
      } finally {
        for (const claim of seized) settled ? claim.settle() : claim.leave();
      }
    }
  } catch (error) {
    const { message } = error as Error;
    warn({
      code: 'journal_recovery_failed',
      message: `Earlier runs in ${folder} could not be looked through (${message}). The next start tries again.`,
    });
  }
  if (Object.values(found).some(count => count > 0))
    warn({ code: 'journal_unfinished', message: describe(found) });
  return found;
}

function describe({ lost, torn, broken, repeated }: Recovered): string {
  return `An earlier run was cut off: ${lost} exchanges had not ended and are on record as lost. Its journal has ${torn} torn ends, ${broken} broken lines and ${repeated} repeated facts.`;
}

/** All claims of a boot, or null while one of them is held: that process lives, or another one recovers it. */
async function seizeAll(folder: string, claims: readonly JournalFile[]): Promise<JournalClaim[] | null> {
  const seized: JournalClaim[] = [];
  for (const { file } of claims) {
    const claim = await JournalClaim.seize(join(folder, file));
    if (claim instanceof JournalClaim) {
      seized.push(claim);
      continue;
    }
    for (const other of seized) other.leave();
    if (claim === 'held') return null;
    throw claim;
  }
  return seized;
}

async function recoverBoot(folder: string, segments: readonly Segment[], found: Recovered): Promise<void> {
  const [first] = segments;
  if (first === undefined) return;
  const origin = originOf(first);
  const table = new SeqTable();
  for (const { file } of segments) {
    const { broken, torn } = await readSegment(join(folder, file), 0, record => {
      if (record.origin !== origin) return;
      if (record.kind === 'open') table.open(record.seq);
      else if (table.fact(record.seq, record.crc) !== 'first') found.repeated++;
    });
    found.broken += broken;
    if (torn) found.torn++;
  }
  if (table.unended > 0) found.lost += await appendLost(folder, segments, table);
}

/** Reads a second time, so that no more than one segment's open lines are ever in memory. */
async function appendLost(folder: string, segments: readonly Segment[], table: SeqTable): Promise<number> {
  const last = segments.at(-1)!;
  const origin = originOf(last);
  const target = await open(join(folder, segmentFile(last, 0, last.number + 1)), 'ax', 0o640);
  let count = 0;
  try {
    for (const { file } of segments) {
      const lines: string[] = [];
      await readSegment(join(folder, file), 0, ({ kind, origin: of, seq, bytes }: JournalRecord) => {
        if (kind !== 'open' || of !== origin || table.hasFact(seq)) return;
        table.fact(seq, 0);
        lines.push(lostLine(bytes));
      });
      count += lines.length;
      await target.appendFile(lines.join(''));
    }
    await target.datasync();
  } finally {
    await target.close();
  }
  await syncFolder(folder);
  return count;
}
