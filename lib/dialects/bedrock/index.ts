import type { Dialect, Endpoint, Operation } from '../../pipeline/index.ts';
import { endpointRow, withPathModel } from '../endpoint-row.ts';
import { CONVERSE_READING } from './converse-usage.ts';
import { bedrockError } from './error.ts';
import { INVOKE_READING } from './invoke-usage.ts';

const FAMILY = 'bedrock';

const CONVERSE_LIMITS = ['/inferenceConfig/maxTokens'];
/** Each model has a body of its own; this is where those that are known state it. */
const INVOKE_LIMITS = [
  '/max_tokens',
  '/max_completion_tokens',
  '/max_tokens_to_sample',
  '/max_gen_len',
  '/inferenceConfig/max_new_tokens',
  '/inferenceConfig/maxTokens',
  '/textGenerationConfig/maxTokenCount',
];

const CONVERSE = endpointRow(FAMILY, 'bedrock-converse', 'chat', {
  usage: CONVERSE_READING,
  outputLimits: CONVERSE_LIMITS,
});
const CONVERSE_STREAM = endpointRow(FAMILY, 'bedrock-converse', 'chat', {
  outputLimits: CONVERSE_LIMITS,
  streams: 'path',
  mandatoryEnd: true,
  usage: CONVERSE_READING,
});
const INVOKE_STREAM = endpointRow(FAMILY, 'bedrock-invoke', 'chat', {
  outputLimits: INVOKE_LIMITS,
  streams: 'path',
  usage: INVOKE_READING,
});
/** Its `inputTokens` is a question answered, not tokens used. */
const COUNT_TOKENS = endpointRow(FAMILY, 'bedrock-count-tokens', 'count_tokens');

function invokeRow(operation: Operation): Endpoint {
  return endpointRow(FAMILY, 'bedrock-invoke', operation, {
    usage: INVOKE_READING,
    outputLimits: INVOKE_LIMITS,
  });
}

const INVOKE_CHAT = invokeRow('chat');

/** What the name of a model says of its kind. An opaque name, such as a profile's ARN, is taken for chat. */
const INVOKE_KINDS: readonly (readonly [part: string, row: Endpoint])[] = [
  ['embed', invokeRow('embedding')],
  ['rerank', invokeRow('rerank')],
  ['image', invokeRow('image')],
  ['canvas', invokeRow('image')],
  ['stability.', invokeRow('image')],
];

function invokeKind(model: string): Endpoint {
  for (const [part, row] of INVOKE_KINDS) if (model.includes(part)) return row;
  return INVOKE_CHAT;
}

const CALLS: ReadonlyMap<string, (model: string) => Endpoint> = new Map([
  ['converse', () => CONVERSE],
  ['converse-stream', () => CONVERSE_STREAM],
  ['invoke', invokeKind],
  ['invoke-with-response-stream', () => INVOKE_STREAM],
  ['count-tokens', () => COUNT_TOKENS],
]);

/** `model/{id}/{call}`; an id may be an ARN with slashes, which are escaped and so within its segment. */
export const bedrock: Dialect = Object.freeze({
  family: FAMILY,
  match(method: string, segments: readonly string[]): Endpoint | null {
    const model = segments.at(-2);
    if (method !== 'POST' || model === undefined || segments.at(-3) !== 'model') return null;
    const call = CALLS.get(segments.at(-1)!);
    return call === undefined ? null : withPathModel(call(model), model);
  },
  error: bedrockError,
});
