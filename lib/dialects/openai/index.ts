import type { Dialect, Endpoint } from '../../pipeline/index.ts';
import { withPathModel } from '../endpoint-row.ts';
import { isRead } from '../suffix-table.ts';
import { CALLS, COLLECTIONS, FAMILY, MODELS, NESTING, OTHER } from './endpoints.ts';
import { openaiError } from './error.ts';

/** A collection may stand this many segments before the end: `files/{id}/content`, `models/{owner}/{name}`. */
const COLLECTION_DEPTH = 3;

/** The model of `…/deployments/{deployment}/<call>`, or null where the path names none. */
function deploymentOf(segments: readonly string[], callSegments: number): string | null {
  const at = segments.length - callSegments - 1;
  return at >= 1 && segments[at - 1] === 'deployments' ? segments[at]! : null;
}

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
    if (call === null) return collectionOf(method, segments);
    const deployment = deploymentOf(segments, call.length);
    return deployment === null ? call.row : withPathModel(call.row, deployment);
  },
  error: openaiError,
});
