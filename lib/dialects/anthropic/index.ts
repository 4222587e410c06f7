import type { Dialect, Endpoint } from '../../pipeline/index.ts';
import { endpointRow } from '../endpoint-row.ts';
import { callEndpoint, isRead, positionFromEnd, SuffixTable } from '../suffix-table.ts';
import { anthropicError } from './error.ts';
import { MESSAGES_READING } from './messages-usage.ts';

const FAMILY = 'anthropic';

/** How messages name what is stored. */
const REFERENCES = ['file_id', 'container'];

const MESSAGES = endpointRow(FAMILY, 'anthropic-messages', 'chat', {
  streams: 'body',
  outputLimits: ['/max_tokens'],
  mandatoryEnd: true,
  usage: MESSAGES_READING,
  // Where tools ran code: its files outlive the answer.
  stores: ['/container/id', '/message/container/id', '/delta/container/id'],
  references: REFERENCES,
});
/** Its `input_tokens` is a question answered, not tokens used. */
const COUNT_TOKENS = endpointRow(FAMILY, 'anthropic-count-tokens', 'count_tokens', {
  references: REFERENCES,
});
/** The text completions before messages; its answers state no usage. */
const COMPLETE = endpointRow(FAMILY, 'anthropic-complete', 'completion', {
  streams: 'body',
  outputLimits: ['/max_tokens_to_sample'],
});
const BATCHES = endpointRow(FAMILY, 'anthropic-batches', 'batches', {
  stores: ['/id'],
  references: REFERENCES,
});
const MODELS = endpointRow(FAMILY, 'anthropic-models', 'models');
const FILES = endpointRow(FAMILY, 'anthropic-files', 'files', { stores: ['/id'] });

const CALLS = new SuffixTable([
  ['POST', 'messages', MESSAGES],
  ['POST', 'messages/count_tokens', COUNT_TOKENS],
  ['POST', 'complete', COMPLETE],
]);

/** `messages/batches/{id}/results` */
const BATCHES_DEPTH = 4;
/** `files/{id}/content` */
const FILES_DEPTH = 3;
/** `models/{id}` */
const MODELS_DEPTH = 2;

/** Messages, token counting, batches, files and models. */
export const anthropic: Dialect = Object.freeze({
  family: FAMILY,
  match(method: string, segments: readonly string[]): Endpoint | null {
    const call = CALLS.find(method, segments);
    // `threads/{id}/messages` stores a message; it is another API.
    if (call !== null) return segments.at(-3) === 'threads' ? null : callEndpoint(call, segments);
    const messages = positionFromEnd(segments, 'messages', BATCHES_DEPTH);
    if (messages !== -1 && segments[messages + 1] === 'batches') return BATCHES;
    if (isRead(method) && positionFromEnd(segments, 'models', MODELS_DEPTH) !== -1) return MODELS;
    if (positionFromEnd(segments, 'files', FILES_DEPTH) !== -1) return FILES;
    return null;
  },
  error: anthropicError,
});
