import type { Endpoint, Operation } from '../../pipeline/index.ts';
import { MESSAGES_READING } from '../anthropic/messages-usage.ts';
import { endpointRow, otherEndpoint } from '../endpoint-row.ts';
import { GENERATE_READING } from './generate-usage.ts';
import { INTERACTIONS_READING } from './interactions-usage.ts';

export const FAMILY = 'gemini';

/** How calls name what is stored; both spellings are read. */
const REFERENCES = ['cachedContent', 'cached_content', 'fileUri', 'file_uri'];

/** What is stored has a name of the form `collection/id`. */
export const OTHER: Endpoint = otherEndpoint(FAMILY, ['/name'], REFERENCES);

const GENERATE_BOUNDS = {
  outputLimits: [
    '/generationConfig/maxOutputTokens',
    '/generationConfig/max_output_tokens',
    '/generation_config/maxOutputTokens',
    '/generation_config/max_output_tokens',
  ],
  answerCounts: [
    '/generationConfig/candidateCount',
    '/generationConfig/candidate_count',
    '/generation_config/candidateCount',
    '/generation_config/candidate_count',
  ],
};

const GENERATE = endpointRow(FAMILY, 'gemini', 'chat', {
  ...GENERATE_BOUNDS,
  usage: GENERATE_READING,
  references: REFERENCES,
});
const STREAM_GENERATE = endpointRow(FAMILY, 'gemini', 'chat', {
  ...GENERATE_BOUNDS,
  streams: 'path',
  usage: GENERATE_READING,
  references: REFERENCES,
});
const EMBED = endpointRow(FAMILY, 'gemini-embeddings', 'embedding', { usage: GENERATE_READING });
export const BATCHES = endpointRow(FAMILY, 'gemini-batches', 'batches', {
  stores: ['/name', '/metadata/output/responsesFile'],
  references: ['fileName', 'file_name'],
});
/** Its `totalTokens` is a question answered, not tokens used. */
export const COUNT_TOKENS = endpointRow(FAMILY, 'gemini-count-tokens', 'count_tokens', {
  references: REFERENCES,
});

/** What a POST to `…/{model}:{verb}` does. */
export const VERBS: ReadonlyMap<string, Endpoint> = new Map([
  ['generateContent', GENERATE],
  ['streamGenerateContent', STREAM_GENERATE],
  ['embedContent', EMBED],
  ['batchEmbedContents', EMBED],
  ['countTokens', COUNT_TOKENS],
  ['batchGenerateContent', BATCHES],
  ['asyncBatchEmbedContent', BATCHES],
]);

const PREDICT: ReadonlyMap<Operation, Endpoint> = new Map(
  (['image', 'embedding'] as const).map(operation => [
    operation,
    endpointRow(FAMILY, 'gemini-predict', operation),
  ]),
);

/** `:predict` runs whatever the model is; only the model's name tells, and `other` where it does not. */
export function predictRow(model: string): Endpoint {
  const operation = model.startsWith('imagen')
    ? 'image'
    : model.includes('embedding')
      ? 'embedding'
      : 'other';
  return PREDICT.get(operation) ?? OTHER;
}

/** Publishers whose own bodies `:rawPredict` carries, with the two ways to ask. */
export const RAW_PREDICT: ReadonlyMap<string, Endpoint> = new Map([
  [
    'anthropic/rawPredict',
    endpointRow(FAMILY, 'anthropic-messages', 'chat', {
      streams: 'body',
      outputLimits: ['/max_tokens'],
      mandatoryEnd: true,
      usage: MESSAGES_READING,
    }),
  ],
  [
    'anthropic/streamRawPredict',
    endpointRow(FAMILY, 'anthropic-messages', 'chat', {
      streams: 'path',
      outputLimits: ['/max_tokens'],
      mandatoryEnd: true,
      usage: MESSAGES_READING,
    }),
  ],
]);

export const INTERACTIONS = endpointRow(FAMILY, 'gemini-interactions', 'chat', {
  outputLimits: ['/generation_config/max_output_tokens'],
  streams: 'body',
  usage: INTERACTIONS_READING,
  stores: ['/interaction/id', '/id'],
  references: ['previous_interaction_id'],
});

export const LIVE = endpointRow(FAMILY, 'gemini-live', 'realtime');
export const MODELS = endpointRow(FAMILY, 'gemini-models', 'models');
export const FILES = endpointRow(FAMILY, 'gemini-files', 'files', { stores: ['/file/name', '/name'] });
