import type { AdminAnswer, AdminRequest, AdminRoute } from '../../pipeline/index.ts';
import { DENY_SOURCES, type DenySource } from './deny-book.ts';
import { putEntry, removeEntry } from './deny-changes.ts';
import type { DenyParts } from './deny-parts.ts';
import type { HeldEntry } from './deny-set.ts';
import { DENY_KINDS, EntryFault, isDenyKind, isDenyText, readEntry, spellEntry } from './entry.ts';
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
  const entry = readEntry(body);
  if (entry instanceof EntryFault) return refusal(400, 'bad_request', entry.toString());
  if (isOver(entry.terms, parts.house.clock.wallMs()))
    return refusal(400, 'bad_request', 'until is in the past');
  return putEntry(parts, entry);
}

async function remove(parts: DenyParts, { kind, id }: AdminRequest['params']): Promise<AdminAnswer> {
  if (!isDenyKind(kind) || !isDenyText(id))
    return refusal(404, 'not_found', `there is no such entry; kinds are ${DENY_KINDS.join(', ')}`);
  return removeEntry(parts, kind, id);
}
