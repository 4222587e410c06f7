import { readdir } from 'node:fs/promises';

/** What a file of a journal's folder is named for. */
export interface JournalFile {
  readonly file: string;
  readonly instance: string;
  /** Names one run of one process. */
  readonly boot: string;
}

export interface Segment extends JournalFile {
  readonly worker: number;
  readonly number: number;
}

export interface JournalFolder {
  /** In the order in which they were begun, boot by boot. */
  readonly segments: readonly Segment[];
  /** Of journals that are being written, or were cut off: see `JournalClaim`. */
  readonly claims: readonly JournalFile[];
}

const SEGMENT = /^(.+)-([0-9a-f]+)-(\d+)-(\d+)\.ndjson$/;
const CLAIM = /^(.+)-([0-9a-f]+)-(\d+)\.open$/;

export function segmentFile(boot: Omit<JournalFile, 'file'>, worker: number, number: number): string {
  return `${boot.instance}-${boot.boot}-${worker}-${number}.ndjson`;
}

export function claimFile(boot: Omit<JournalFile, 'file'>, number: number): string {
  return `${boot.instance}-${boot.boot}-${number}.open`;
}

/** The prefix of all ids of a boot, without its last colon. */
export function originOf({ instance, boot }: Omit<JournalFile, 'file'>): string {
  return `${instance}:${boot}`;
}

function inOrder(a: Segment, b: Segment): number {
  const [left, right] = [originOf(a), originOf(b)];
  if (left !== right) return left < right ? -1 : 1;
  return a.number - b.number || a.worker - b.worker;
}

/** What work on one file of a folder gives; null where that file has gone since the folder was listed: retention removes segments. */
export async function unlessGone<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Lists a folder. Rejects with the system's error where there is none. */
export async function listJournal(folder: string): Promise<JournalFolder> {
  const segments: Segment[] = [];
  const claims: JournalFile[] = [];
  for (const file of await readdir(folder)) {
    const [, instance, boot, worker, number] = SEGMENT.exec(file) ?? CLAIM.exec(file) ?? [];
    if (instance === undefined || boot === undefined) continue;
    if (number === undefined) claims.push({ file, instance, boot });
    else segments.push({ file, instance, boot, worker: Number(worker), number: Number(number) });
  }
  return { segments: segments.sort(inOrder), claims };
}
