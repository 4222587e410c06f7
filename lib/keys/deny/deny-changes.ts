import { BusError } from '../../bus/index.ts';
import type { AdminAnswer } from '../../pipeline/index.ts';
import type { DenyParts } from './deny-parts.ts';
import type { HeldEntry } from './deny-set.ts';
import { type DenyEntry, type DenyKind, spellEntry } from './entry.ts';
import type { Named } from './fingerprinter.ts';

function refusal(status: number, code: string, message: string): AdminAnswer {
  return { status, body: { error: { code, message } } };
}

/** Denies, on all instances. The answer says what came of it: 200, 201, or an error. */
export async function putEntry(parts: DenyParts, entry: DenyEntry): Promise<AdminAnswer> {
  const { set, nats } = parts;
  const named = set.named(entry.kind, entry.id);
  if (!set.hasRoom(named)) return full(parts, 'nothing was changed');
  const book = nats?.book ?? set.local;
  const isNew = set.held(book, named) === null;
  const answer = {
    status: isNew ? 201 : 200,
    body: { entry: spellEntry(entry), writtenTo: writtenTo(parts) },
  };
  if (nats === null) {
    set.put(set.local, named, entry.terms, 0);
    // A reload may have opened another snapshot meanwhile: it must have the entry too.
    set.changed();
    return (await unsaved(parts, 'it is denied')) ?? answer;
  }
  const failed = await unreachable(() => nats.put(named, entry.terms));
  if (failed !== null) return failed;
  // Another entry took the last place meanwhile.
  return set.isWaiting(named)
    ? full(parts, `the entry is in the NATS bucket ${nats.bucketName} and waits for room here`)
    : answer;
}

function full({ settings }: DenyParts, state: string): AdminAnswer {
  const message = `the deny set is full (deny.maxEntries is ${settings.maxEntries}), ${state}: remove entries, or raise it`;
  return refusal(507, 'deny_full', message);
}

/** Allows again, on all instances; what a file holds it refuses. The answer says what came of it. */
export async function removeEntry(parts: DenyParts, kind: DenyKind, id: string): Promise<AdminAnswer> {
  const { set, nats } = parts;
  const named = set.named(kind, id);
  const holders = set.holders(named);
  const inFile = holders.find(({ book }) => book.source === 'file');
  if (inFile !== undefined) {
    const file = inFile.book.place.origin;
    const message = `the file ${file} holds this entry: remove it there (weir deny remove ${kind} … --file ${file})`;
    return refusal(409, 'held_by_file', message);
  }
  let isFound = holders.length > 0;
  const failed = await unreachable(async () => {
    if (nats === null) return;
    const isInBucket = set.held(nats.book, named) !== null || (await nats.has(named));
    if (isInBucket) await nats.remove(named);
    isFound ||= isInBucket;
  });
  if (failed !== null) return failed;
  if (!isFound)
    return refusal(404, 'not_found', 'there is no such entry: GET /deny, or weir deny list, shows them');
  return (
    (await removeOwn(parts, named, holders)) ?? {
      status: 200,
      body: { removed: { kind, id }, from: [...new Set(holders.map(({ book }) => book.source))] },
    }
  );
}

/** Out of every book that is not followed elsewhere. */
async function removeOwn(
  parts: DenyParts,
  named: Named,
  holders: readonly HeldEntry[],
): Promise<AdminAnswer | null> {
  const own = holders.filter(({ book }) => book !== parts.nats?.book);
  for (const { book } of own) parts.set.remove(book, named);
  if (own.length > 0) parts.set.changed();
  return own.length === 0 ? null : unsaved(parts, 'it is allowed');
}

function writtenTo({ nats, snapshot }: DenyParts): string {
  if (nats !== null) return `nats:${nats.bucketName}`;
  return snapshot === null ? 'memory' : snapshot.path;
}

/** What was answered must outlive the process. */
async function unsaved({ snapshot }: DenyParts, state: string): Promise<AdminAnswer | null> {
  const problem = snapshot === null ? null : await snapshot.save();
  if (problem === null) return null;
  const message = `${state} until the gateway restarts, but that cannot be written to ${snapshot!.path} (${problem}): repair that, then repeat this call`;
  return refusal(503, 'snapshot_unwritable', message);
}

async function unreachable(work: () => Promise<void>): Promise<AdminAnswer | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (!(error instanceof BusError)) throw error;
    return refusal(503, 'bus_unavailable', `NATS did not do it: ${error.message}`);
  }
}
