import { BusError } from '../../bus/index.ts';
import type { AdminAnswer, AdminRequest, AdminRoute } from '../../pipeline/index.ts';
import { DENY_SOURCES, type DenySource } from './deny-book.ts';
import type { DenyParts } from './deny-parts.ts';
import type { HeldEntry } from './deny-set.ts';
import { DENY_KINDS, EntryFault, isDenyKind, isDenyText, readEntry, spellEntry } from './entry.ts';
import type { Named } from './fingerprinter.ts';
import { listPage, type PageQuery } from './list-page.ts';
import { isOver } from './terms.ts';

const PAGE_MAX = 1000;
const PAGE_DEFAULT = 100;

/** The calls that show and change what is denied. */
export function denyRoutes(parts: DenyParts): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/deny',
      role: 'viewer',
      summary: 'what is denied, and by whom; ?kind, id, source, limit, after',
      run: ({ query }) => list(parts, query),
    },
    {
      method: 'POST',
      path: '/deny',
      role: 'operator',
      summary: 'deny a key, a subject or an issuer, on all instances',
      run: ({ body }) => add(parts, body),
    },
    {
      method: 'DELETE',
      path: '/deny/:kind/:id',
      role: 'operator',
      summary: 'allow it again',
      run: ({ params }) => remove(parts, params),
    },
  ];
}

function refusal(status: number, code: string, message: string): AdminAnswer {
  return { status, body: { error: { code, message } } };
}

function shown(entry: HeldEntry): object {
  return { ...spellEntry(entry), source: entry.book.source };
}

async function list({ set, house }: DenyParts, query: URLSearchParams): Promise<AdminAnswer> {
  const kind = query.get('kind');
  const source = query.get('source');
  const id = query.get('id');
  const limit = Number(query.get('limit') ?? PAGE_DEFAULT);
  if (kind !== null && !isDenyKind(kind))
    return refusal(400, 'bad_request', `kind is one of ${DENY_KINDS.join(', ')}`);
  if (source !== null && !isDenySource(source))
    return refusal(400, 'bad_request', `source is one of ${DENY_SOURCES.join(', ')}`);
  if (!Number.isInteger(limit) || limit < 1 || limit > PAGE_MAX)
    return refusal(400, 'bad_request', `limit is 1 to ${PAGE_MAX}`);
  set.expire();
  if (id === null) {
    const page: PageQuery = { kind, source, limit, after: query.get('after') };
    const { entries, next } = await listPage(set, page, house.clock.wallMs());
    return { status: 200, body: { entries: entries.map(shown), next } };
  }
  const kinds = kind === null ? DENY_KINDS : [kind];
  const held = kinds.flatMap(name => set.holders(set.named(name, id)));
  const entries = held.filter(({ book }) => source === null || book.source === source);
  return { status: 200, body: { entries: entries.map(shown), next: null } };
}

function isDenySource(value: string): value is DenySource {
  return DENY_SOURCES.includes(value as DenySource);
}

async function add(parts: DenyParts, body: unknown): Promise<AdminAnswer> {
  const { set, house, nats } = parts;
  const entry = readEntry(body);
  if (entry instanceof EntryFault) return refusal(400, 'bad_request', entry.toString());
  if (isOver(entry.terms, house.clock.wallMs())) return refusal(400, 'bad_request', 'until is in the past');
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

async function remove(parts: DenyParts, { kind, id }: AdminRequest['params']): Promise<AdminAnswer> {
  const { set, nats } = parts;
  if (!isDenyKind(kind) || !isDenyText(id))
    return refusal(404, 'not_found', `there is no such entry; kinds are ${DENY_KINDS.join(', ')}`);
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
  if (!isFound) return refusal(404, 'not_found', 'there is no such entry: GET /deny shows them');
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
