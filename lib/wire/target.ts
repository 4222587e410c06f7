import { Refusal } from '../errors/index.ts';

/**
 * A request target that was accepted. The strings are slices of what the client
 * sent, byte for byte; only `segments` is decoded (once), for reading, never
 * for sending. The object that was authorised is the object dispatched.
 */
export interface Target {
  /** The first path segment as sent: the provider's name, or '' for `/`. */
  readonly first: string;
  /** What goes upstream after the provider: path with its leading `/`, verbatim, no query. */
  readonly rest: string;
  /** The whole path as sent, no query: what facts and logs keep. */
  readonly path: string;
  /** With its `?`, or ''. */
  readonly query: string;
  /** The segments of `rest`, each decoded once. */
  readonly segments: readonly string[];
}

/** 0x21–0x7e without `#` and `\`: everything a target may consist of (CONTRACT §1). */
const TARGET_BYTES = /^[!"$-[\]-~]+$/;
const BAD_ESCAPE = /%(?![0-9a-fA-F]{2})/;
const FORBIDDEN_ESCAPE = /%(?:00|5c)/i;

/** Decodes one segment once. Bytes that are not UTF-8 stay as their escape, so nothing is guessed. */
function decodeOnce(segment: string): string {
  if (!segment.includes('%')) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

function hasDotPart(decoded: string): boolean {
  for (const part of decoded.split(/[/\\]/)) if (part === '.' || part === '..') return true;
  return false;
}

/** Splits a path that begins with `/` into raw segments, or null where one of them is not acceptable. */
function splitPath(path: string): string[] | null {
  const raw = path.slice(1).split('/');
  for (let i = 0; i < raw.length; i++) {
    const segment = raw[i]!;
    if (segment === '' && i < raw.length - 1) return null;
    if (hasDotPart(decodeOnce(segment))) return null;
  }
  return raw;
}

/**
 * Parses the target of a request line. Refuses, never normalises: what another
 * parser might read differently does not pass.
 */
export function parseTarget(raw: string): Target | Refusal {
  if (
    raw.charCodeAt(0) !== 0x2f ||
    !TARGET_BYTES.test(raw) ||
    BAD_ESCAPE.test(raw) ||
    FORBIDDEN_ESCAPE.test(raw)
  ) {
    return new Refusal('bad_target');
  }
  const mark = raw.indexOf('?');
  const path = mark === -1 ? raw : raw.slice(0, mark);
  const query = mark === -1 ? '' : raw.slice(mark);
  const rawSegments = splitPath(path);
  if (rawSegments === null) return new Refusal('bad_target');
  const first = rawSegments[0]!;
  const after = path.slice(1 + first.length);
  return {
    first,
    rest: after === '' ? '/' : after,
    path,
    query,
    segments: decodedSegments(rawSegments.slice(1)),
  };
}

/** The same target seen from the root: for bare paths, where no segment names the provider. */
export function asBareTarget(target: Target): Target {
  return {
    first: '',
    rest: target.path,
    path: target.path,
    query: target.query,
    segments: decodedSegments(target.path.slice(1).split('/')),
  };
}

function decodedSegments(raw: readonly string[]): readonly string[] {
  const segments = raw.map(decodeOnce);
  if (segments.at(-1) === '') segments.pop();
  return segments;
}
