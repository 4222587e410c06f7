import type { Dialect, Endpoint } from '../../pipeline/index.ts';
import { withPathModel } from '../endpoint-row.ts';
import { isRead, positionFromEnd } from '../suffix-table.ts';
import {
  BATCHES,
  COUNT_TOKENS,
  FAMILY,
  FILES,
  INTERACTIONS,
  LIVE,
  MODELS,
  OTHER,
  predictRow,
  RAW_PREDICT,
  VERBS,
} from './endpoints.ts';
import { geminiError } from './error.ts';

/** The publisher of `publishers/{publisher}/models/{model}`, or '' where the path names none. */
function publisherOf(segments: readonly string[]): string {
  return segments.at(-4) === 'publishers' ? segments.at(-3)! : '';
}

/** `{model}:{verb}`: the model is what the collection before it says, `models` being the default. */
function callOf(method: string, segments: readonly string[], last: string): Endpoint | null {
  const colon = last.lastIndexOf(':');
  if (colon === -1 || method !== 'POST') return null;
  const id = last.slice(0, colon);
  const verb = last.slice(colon + 1);
  if (id === 'count-tokens' && verb === 'rawPredict') return COUNT_TOKENS;
  const row =
    verb === 'predict'
      ? predictRow(id)
      : (VERBS.get(verb) ?? RAW_PREDICT.get(`${publisherOf(segments)}/${verb}`));
  if (row === undefined) return null;
  const collection = segments.at(-2);
  const model = collection === undefined || collection === 'models' ? id : `${collection}/${id}`;
  return row.operation === 'batches' || row === OTHER ? row : withPathModel(row, model);
}

/** `files/{id}`, `batches/{id}`, also below `upload` and `download`, where an id may carry a verb. */
const COLLECTION_DEPTH = 2;

/** Whether the path ends with this collection, and not with the one below the compatible base path. */
function isCollection(segments: readonly string[], name: string): boolean {
  const at = positionFromEnd(segments, name, COLLECTION_DEPTH);
  return at !== -1 && segments[at - 1] !== 'openai';
}

/** Generate content and its relatives, native and by project, and interactions. */
export const gemini: Dialect = Object.freeze({
  family: FAMILY,
  match(method: string, segments: readonly string[]): Endpoint | null {
    const last = segments.at(-1);
    if (last === undefined) return null;
    const call = callOf(method, segments, last);
    if (call !== null) return call;
    if (last === 'interactions' && method === 'POST') return INTERACTIONS;
    if (positionFromEnd(segments, 'interactions', 3) !== -1) return OTHER;
    if (isCollection(segments, 'files')) return FILES;
    if (isCollection(segments, 'batches')) return BATCHES;
    if (method === 'POST' && isCollection(segments, 'cachedContents')) return OTHER;
    if (isRead(method) && isCollection(segments, 'models')) return MODELS;
    return last.endsWith('BidiGenerateContent') || last.endsWith('BidiGenerateContentConstrained')
      ? LIVE
      : null;
  },
  error: geminiError,
});
