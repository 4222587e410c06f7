import type { ErrorRow } from '../../errors/index.ts';
import type { Dialect, Endpoint, ErrorShape } from '../../pipeline/index.ts';
import { endpointRow, otherEndpoint } from '../endpoint-row.ts';
import { jsonErrorShape } from '../error-shape.ts';
import { callEndpoint, isRead, positionFromEnd, SuffixTable } from '../suffix-table.ts';
import { COHERE_READING } from './usage.ts';

const FAMILY = 'cohere';

const CHAT = endpointRow(FAMILY, FAMILY, 'chat', {
  outputLimits: ['/max_tokens'],
  streams: 'body',
  mandatoryEnd: true,
  usage: COHERE_READING,
});
const GENERATE = endpointRow(FAMILY, FAMILY, 'completion', {
  outputLimits: ['/max_tokens'],
  answerCounts: ['/num_generations'],
  streams: 'body',
  mandatoryEnd: true,
  usage: COHERE_READING,
});
const EMBED = endpointRow(FAMILY, FAMILY, 'embedding', { usage: COHERE_READING });
const RERANK = endpointRow(FAMILY, FAMILY, 'rerank', { usage: COHERE_READING });
const TOKENIZE = endpointRow(FAMILY, FAMILY, 'count_tokens');
const MODELS = endpointRow(FAMILY, FAMILY, 'models');
const OTHER = otherEndpoint(FAMILY);
/** The path and body of the common transcription API; its answers here state no usage. */
const TRANSCRIPTIONS = endpointRow(FAMILY, 'openai-audio', 'transcription');

const CALLS = new SuffixTable([
  ['POST', 'chat', CHAT],
  ['POST', 'generate', GENERATE],
  ['POST', 'embed', EMBED],
  ['POST', 'rerank', RERANK],
  ['POST', 'classify', OTHER],
  ['POST', 'tokenize', TOKENIZE],
  ['POST', 'detokenize', TOKENIZE],
  ['POST', 'audio/transcriptions', TRANSCRIPTIONS],
]);

function cohereError(row: ErrorRow): ErrorShape {
  return jsonErrorShape({ message: row.message });
}

/** The native API, versions 1 and 2. Its OpenAI-compatible paths are of that family. */
export const cohere: Dialect = Object.freeze({
  family: FAMILY,
  match(method: string, segments: readonly string[]): Endpoint | null {
    const call = CALLS.find(method, segments);
    if (call !== null) return callEndpoint(call, segments);
    const models = isRead(method) ? positionFromEnd(segments, 'models', 2) : -1;
    return models !== -1 && !segments.includes('compatibility') ? MODELS : null;
  },
  error: cohereError,
});
