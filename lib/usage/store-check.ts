import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ledger, SetAside, StoreResult } from '../store/index.ts';
import { listJournal, unlessGone } from './journal-folder.ts';
import { readSegment } from './segment-reader.ts';
import { STORE_CURSOR } from './ship.ts';

/** Ids asked for at a time. */
const BATCH_IDS = 1000;
/** How many of a kind are named. */
const NAMED_MAX = 20;

/** What a comparison of a journal with its store found. */
export interface StoreReport {
  /** Facts in the store. */
  readonly facts: number;
  /** Of those: no longer in the journal. */
  readonly storeOnly: number;
  /** Facts of the journal that the store lacks, although it has read past them. */
  readonly missing: number;
  /** Ids of the first of them. */
  readonly missingIds: readonly string[];
  /** Facts that are on their way. */
  readonly notShipped: number;
  /** Kept aside: an id with other contents than the fact that stands. */
  readonly conflicts: number;
  /** Kept aside: cannot be counted. */
  readonly invalid: number;
  /** The latest of what was kept aside. */
  readonly aside: readonly Pick<SetAside, 'reason' | 'id'>[];
  /** Running sums that are not what their facts add up to. */
  readonly wrongSums: number;
}

interface Compared {
  present: number;
  missing: number;
  notShipped: number;
  readonly missingIds: string[];
}

/**
 * Compares what the journal holds with what the store has, in bounded memory,
 * also while a gateway brings facts from one to the other: what is newer than
 * the cursor at the beginning may be on its way. Rejects with the system's
 * error where the journal cannot be read.
 */
export async function checkStore(folder: string, ledger: Ledger): Promise<StoreResult<StoreReport>> {
  const cursors = await ledger.cursors(STORE_CURSOR);
  if (!cursors.ok) return cursors;
  const compared: Compared = { present: 0, missing: 0, notShipped: 0, missingIds: [] };
  for (const { file } of (await listJournal(folder)).segments) {
    const path = join(folder, file);
    const cursor = cursors.value.get(file) ?? 0;
    const found = await unlessGone(stat(path));
    if (found === null) continue;
    // A segment that is shorter than what was read of it is another one: it will be read anew.
    const shipped = cursor > found.size ? 0 : cursor;
    const problem = await unlessGone(compareSegment(path, shipped, ledger, compared));
    if (problem !== null) return { ok: false, problem };
  }
  const health = await ledger.check();
  if (!health.ok) return health;
  const { facts, conflicts, invalid, wrongSums } = health.value;
  const aside = await ledger.aside(NAMED_MAX);
  if (!aside.ok) return aside;
  const { present, ...found } = compared;
  return {
    ok: true,
    value: {
      facts,
      storeOnly: Math.max(0, facts - present),
      ...found,
      conflicts,
      invalid,
      aside: aside.value.map(({ reason, id }) => ({ reason, id })),
      wrongSums,
    },
  };
}

/** The store's problem, or null. Up to `shipped` the store has to have everything. */
async function compareSegment(
  path: string,
  shipped: number,
  ledger: Ledger,
  compared: Compared,
): Promise<string | null> {
  for (let from = 0; ; ) {
    const ids: string[] = [];
    const isShipped = from < shipped;
    const { end, fileEnd } = await readSegment(
      path,
      from,
      ({ kind, origin, seq }) => {
        if (kind === 'fact') ids.push(`${origin}:${seq}`);
      },
      at => ids.length >= BATCH_IDS || (isShipped && at >= shipped),
    );
    const lacking = await ledger.missing(ids);
    if (!lacking.ok) return lacking.problem;
    const { length } = lacking.value;
    compared.present += ids.length - length;
    if (isShipped) {
      compared.missing += length;
      compared.missingIds.push(...lacking.value.slice(0, NAMED_MAX - compared.missingIds.length));
    } else compared.notShipped += length;
    if (fileEnd !== null) return null;
    from = end;
  }
}
