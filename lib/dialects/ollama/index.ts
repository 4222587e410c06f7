import type { ErrorRow } from '../../errors/index.ts';
import type { Dialect, Endpoint, ErrorShape } from '../../pipeline/index.ts';
import { endpointRow, otherEndpoint } from '../endpoint-row.ts';
import { jsonErrorShape } from '../error-shape.ts';
import { callEndpoint, SuffixTable } from '../suffix-table.ts';
import { OLLAMA_READING } from './usage.ts';

const FAMILY = 'ollama';

const OUTPUT_LIMITS = ['/options/num_predict'];

const CHAT = endpointRow(FAMILY, FAMILY, 'chat', {
  outputLimits: OUTPUT_LIMITS,
  streams: 'bodyDefaultTrue',
  mandatoryEnd: true,
  usage: OLLAMA_READING,
});
const GENERATE = endpointRow(FAMILY, FAMILY, 'completion', {
  outputLimits: OUTPUT_LIMITS,
  streams: 'bodyDefaultTrue',
  mandatoryEnd: true,
  usage: OLLAMA_READING,
});
const EMBED = endpointRow(FAMILY, FAMILY, 'embedding', { usage: OLLAMA_READING });
const MODELS = endpointRow(FAMILY, FAMILY, 'models');
const OTHER = otherEndpoint(FAMILY);

const CALLS = new SuffixTable([
  ['POST', 'api/chat', CHAT],
  ['POST', 'api/generate', GENERATE],
  ['POST', 'api/embed', EMBED],
  ['POST', 'api/embeddings', EMBED],
  ['GET', 'api/tags', MODELS],
  ['HEAD', 'api/tags', MODELS],
  ['POST', 'api/show', MODELS],
  ['GET', 'api/ps', MODELS],
  ['GET', 'api/version', MODELS],
  ['HEAD', 'api/version', MODELS],
]);

/** What changes the models on the machine, or is not known here. */
const CHANGES: ReadonlySet<string> = new Set(['pull', 'push', 'create', 'copy', 'delete', 'blobs']);

function ollamaError(row: ErrorRow): ErrorShape {
  return jsonErrorShape({ error: row.message });
}

/** The native API below `/api`. */
export const ollama: Dialect = Object.freeze({
  family: FAMILY,
  match(method: string, segments: readonly string[]): Endpoint | null {
    const call = CALLS.find(method, segments);
    if (call !== null) return callEndpoint(call, segments);
    const api = segments.lastIndexOf('api');
    return api !== -1 && CHANGES.has(segments[api + 1] ?? '') ? OTHER : null;
  },
  error: ollamaError,
});
