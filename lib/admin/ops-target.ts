/** A path segment: literal parts of routes are compared as sent, parameters are read decoded. */
export interface OpsSegment {
  readonly raw: string;
  readonly decoded: string;
}

export interface OpsTarget {
  /** As sent, without the query. */
  readonly path: string;
  readonly segments: readonly OpsSegment[];
  readonly query: URLSearchParams;
}

/** 0x21–0x7e without `#` and `\`. */
const TARGET_BYTES = /^[!"$-[\]-~]+$/;
const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})/;
/** NUL, and a dot in disguise: nobody has a reason to escape one. */
const FORBIDDEN_ESCAPE = /%(?:00|2e)/i;

/**
 * Parses a request target as strictly as the data port, with one difference: a
 * segment may hold any other escape, `%5C` and `%2F` included, since it is a
 * name (a subject, a key id) that no further parser sees. Null where the target
 * is not acceptable: not origin-form, an empty or dot segment, a malformed or
 * forbidden escape, bytes that are not UTF-8.
 */
export function parseOpsTarget(raw: string): OpsTarget | null {
  if (raw.charCodeAt(0) !== 0x2f || !TARGET_BYTES.test(raw) || BAD_ESCAPE.test(raw)) return null;
  const mark = raw.indexOf('?');
  const path = mark === -1 ? raw : raw.slice(0, mark);
  if (FORBIDDEN_ESCAPE.test(path)) return null;
  const query = new URLSearchParams(mark === -1 ? '' : raw.slice(mark + 1));
  if (path === '/') return { path, segments: [], query };
  const segments: OpsSegment[] = [];
  for (const part of path.slice(1).split('/')) {
    const decoded = decodeSegment(part);
    if (decoded === null) return null;
    segments.push({ raw: part, decoded });
  }
  return { path, segments, query };
}

function decodeSegment(raw: string): string | null {
  if (raw === '' || raw === '.' || raw === '..') return null;
  try {
    return decodeURIComponent(raw);
  } catch {
    return null;
  }
}
