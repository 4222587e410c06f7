import type { Endpoint } from '../../pipeline/index.ts';
import { endpointRow, otherEndpoint } from '../endpoint-row.ts';
import { SuffixTable } from '../suffix-table.ts';
import { chatReading } from './chat-usage.ts';
import { AUDIO_READING, IMAGES_READING, INPUT_ONLY_READING } from './media-usage.ts';
import { RESPONSES_READING } from './responses-usage.ts';

export const FAMILY = 'openai';

export const OTHER: Endpoint = otherEndpoint(FAMILY);

const CHAT_READING = chatReading(false);

/** How calls name files and what tools keep. */
const FILE_REFERENCES = ['file_id', 'file_ids', 'vector_store_ids', 'container'];
const RESPONSE_REFERENCES = [...FILE_REFERENCES, 'previous_response_id', 'conversation'];

/**
 * A stream of chat chunks without `[DONE]` is common, but every one recorded
 * ends with a finish reason, an error or `[DONE]`, and the fold takes each of
 * them for an end. So a body cut before all three is truncated.
 */
const CHAT = endpointRow(FAMILY, 'openai-chat', 'chat', {
  streams: 'body',
  includeUsageOption: true,
  mandatoryEnd: true,
  usage: CHAT_READING,
  references: FILE_REFERENCES,
  outputLimits: ['/max_completion_tokens', '/max_tokens'],
  answerCounts: ['/n'],
});

/** Streams of legacy completions are recorded that end with none of these, so no end is mandatory. */
const COMPLETIONS = endpointRow(FAMILY, 'openai-completions', 'completion', {
  outputLimits: ['/max_tokens'],
  // Of `best_of` answers all are paid for.
  answerCounts: ['/n', '/best_of'],
  answerLists: ['/prompt'],
  streams: 'body',
  includeUsageOption: true,
  usage: CHAT_READING,
});

const RESPONSES = endpointRow(FAMILY, 'openai-responses', 'chat', {
  outputLimits: ['/max_output_tokens'],
  streams: 'body',
  mandatoryEnd: true,
  usage: RESPONSES_READING,
  stores: ['/response/id', '/id'],
  references: RESPONSE_REFERENCES,
});

const COMPACT = endpointRow(FAMILY, 'openai-responses', 'chat', {
  usage: RESPONSES_READING,
  stores: ['/id'],
  references: RESPONSE_REFERENCES,
});

/** Its `input_tokens` is a question answered, not tokens used. */
const COUNT_TOKENS = endpointRow(FAMILY, 'openai-count-tokens', 'count_tokens', {
  references: RESPONSE_REFERENCES,
});

const EMBEDDINGS = endpointRow(FAMILY, 'openai-embeddings', 'embedding', { usage: INPUT_ONLY_READING });
const RERANK = endpointRow(FAMILY, 'openai-rerank', 'rerank', { usage: INPUT_ONLY_READING });
const MODERATIONS = endpointRow(FAMILY, 'openai-moderation', 'moderation');

const IMAGES = endpointRow(FAMILY, 'openai-images', 'image', {
  streams: 'body',
  usage: IMAGES_READING,
  answerCounts: ['/n'],
});
const IMAGE_VARIATIONS = endpointRow(FAMILY, 'openai-images', 'image', { usage: IMAGES_READING });

const SPEECH = endpointRow(FAMILY, 'openai-audio', 'speech', { usage: AUDIO_READING });
const TRANSCRIPTIONS = endpointRow(FAMILY, 'openai-audio', 'transcription', {
  streams: 'body',
  usage: AUDIO_READING,
});
const TRANSLATIONS = endpointRow(FAMILY, 'openai-audio', 'transcription', { usage: AUDIO_READING });

const REALTIME = endpointRow(FAMILY, 'openai-realtime', 'realtime');

/** Calls, by the end of the path. */
export const CALLS = new SuffixTable([
  ['POST', 'chat/completions', CHAT],
  ['POST', 'completions', COMPLETIONS],
  ['POST', 'responses', RESPONSES],
  ['POST', 'responses/compact', COMPACT],
  ['POST', 'responses/input_tokens', COUNT_TOKENS],
  ['POST', 'embeddings', EMBEDDINGS],
  ['POST', 'rerank', RERANK],
  ['POST', 'moderations', MODERATIONS],
  ['POST', 'images', IMAGES],
  ['POST', 'images/generations', IMAGES],
  ['POST', 'images/edits', IMAGES],
  ['POST', 'images/variations', IMAGE_VARIATIONS],
  ['POST', 'audio/speech', SPEECH],
  ['POST', 'audio/transcriptions', TRANSCRIPTIONS],
  ['POST', 'audio/translations', TRANSLATIONS],
  ['GET', 'realtime', REALTIME],
  ['POST', 'realtime', REALTIME],
  ['POST', 'realtime/calls', REALTIME],
]);

export const MODELS = endpointRow(FAMILY, 'openai-models', 'models');
/** An upload that is complete states its file. */
const FILES = endpointRow(FAMILY, 'openai-files', 'files', { stores: ['/id', '/file/id'] });
const BATCHES = endpointRow(FAMILY, 'openai-batches', 'batches', {
  stores: ['/id', '/output_file_id', '/error_file_id'],
  references: ['input_file_id'],
});

/**
 * Collections with what is below them. What was stored by a call (responses,
 * completions) is not the call: reading or deleting it is `other`. So are
 * realtime sessions and client secrets: they hand out a credential of the
 * provider's own.
 */
export const COLLECTIONS: ReadonlyMap<string, Endpoint> = new Map([
  ['models', MODELS],
  ['files', FILES],
  ['uploads', FILES],
  ['batches', BATCHES],
  ['responses', OTHER],
  ['completions', OTHER],
  ['realtime', OTHER],
]);

/** Collections whose members have `files` of their own, which are no uploads. */
export const NESTING: ReadonlySet<string> = new Set(['containers', 'vector_stores', 'file_batches']);
