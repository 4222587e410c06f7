import type { DenyBook } from './deny-book.ts';
import type { DenySet } from './deny-set.ts';
import { isTurnDue, turn } from './pacing.ts';
import type { DenySettings } from './settings.ts';
import type { SavedBook, Snapshot } from './snapshot-format.ts';
import { isOver } from './terms.ts';

/** The books that sources go on with. */
export interface Restored {
  readonly file: DenyBook | null;
  readonly nats: DenyBook | null;
  /** Entries of a bucket that is no longer configured: they are the gateway's own now. */
  readonly adopted: number;
}

/**
 * Puts a snapshot in force, as far as the settings still have its sources.
 * Entries of another bucket count until the one that is configured was read;
 * those of a bucket where none is configured stay denied as the gateway's own,
 * since nobody has allowed them.
 */
export async function restoreAll(
  snapshot: Snapshot,
  set: DenySet,
  settings: DenySettings,
  nowMs: number,
): Promise<Restored> {
  const file = settings.file === undefined ? null : set.addBook('file');
  const nats = settings.nats === undefined ? null : set.addBook('nats');
  const targets = snapshot.books.map(({ source, origin }): DenyBook | null => {
    if (source === 'local') return set.local;
    if (source === 'nats') return nats ?? set.local;
    return origin === settings.file ? file : null;
  });
  placeFile(file, snapshot.books, settings);
  placeNats(nats, snapshot.books, settings);
  const fromBucket = snapshot.books.map(({ source }) => source === 'nats');
  let adopted = 0;
  (nats ?? set.local).reserve(snapshot.count);
  await restore(snapshot, set, nowMs, index => {
    if (nats === null && fromBucket[index]) adopted++;
    return targets[index] ?? null;
  });
  return { file, nats, adopted };
}

/** Adds the gateway's own entries of a snapshot to those there are. */
export async function restoreLocal(snapshot: Snapshot, set: DenySet, nowMs: number): Promise<void> {
  await restore(snapshot, set, nowMs, index =>
    snapshot.books[index]!.source === 'local' ? set.local : null,
  );
}

async function restore(
  snapshot: Snapshot,
  set: DenySet,
  nowMs: number,
  target: (index: number) => DenyBook | null,
): Promise<void> {
  const entry = snapshot.read();
  for (let count = 0; entry.next(); count++) {
    const book = isOver(entry.terms, nowMs) ? null : target(entry.book);
    if (book !== null) {
      const named = set.named(entry.kind, entry.id);
      if (book === set.local) set.putStricter(book, named, entry.terms, nowMs);
      else set.put(book, named, entry.terms, entry.revision);
    }
    if (isTurnDue(count)) await turn();
  }
}

function placeFile(book: DenyBook | null, saved: readonly SavedBook[], { file }: DenySettings): void {
  const known = saved.some(({ source, origin }) => source === 'file' && origin === file);
  if (book !== null && known) book.place = { ...book.place, origin: file! };
}

/** A place is good for one bucket; where another was followed too, only a whole reading tells what goes. */
function placeNats(book: DenyBook | null, saved: readonly SavedBook[], { nats }: DenySettings): void {
  const buckets = saved.filter(({ source }) => source === 'nats');
  const same = buckets.find(({ origin }) => origin === nats?.bucket);
  if (book === null || same === undefined) return;
  const { origin, currentMs } = same;
  book.place = { origin, currentMs, cursor: buckets.length === 1 ? same.cursor : null };
}
