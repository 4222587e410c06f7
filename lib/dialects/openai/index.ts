import type { Dialect, Endpoint } from '../../pipeline/index.ts';
import { callEndpoint, isRead } from '../suffix-table.ts';
import { CALLS, COLLECTIONS, FAMILY, MODELS, NESTING, OTHER } from './endpoints.ts';
import { openaiError } from './error.ts';

/** A collection may stand this many segments before the end: `files/{id}/content`, `models/{owner}/{name}`. */
const COLLECTION_DEPTH = 3;

/** Other families put batches below `messages`, and verbs below `models`; those are theirs. */
function collectionOf(method: string, segments: readonly string[]): Endpoint | null {
  for (let i = Math.max(0, segments.length - COLLECTION_DEPTH); i < segments.length; i++) {
    const row = COLLECTIONS.get(segments[i]!);
    if (row === undefined) continue;
    if (i >= 1 && segments[i - 1] === 'messages') return null;
    if (i >= 2 && NESTING.has(segments[i - 2]!)) return OTHER;
    return row === MODELS && !isRead(method) ? null : row;
  }
  return null;
}

/** Chat completions, responses and their relatives, as most providers and servers speak them. */
export const openai: Dialect = Object.freeze({
  family: FAMILY,
  match(method: string, segments: readonly string[]): Endpoint | null {
    const call = CALLS.find(method, segments);
    return call === null ? collectionOf(method, segments) : callEndpoint(call, segments);
  },
  error: openaiError,
});
