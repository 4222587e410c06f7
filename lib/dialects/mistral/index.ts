import type { Dialect, Endpoint } from '../../pipeline/index.ts';
import { endpointRow } from '../endpoint-row.ts';
import { chatReading } from '../openai/chat-usage.ts';
import { openai } from '../openai/index.ts';
import { callEndpoint, SuffixTable } from '../suffix-table.ts';

const FAMILY = 'mistral';

/** Audio is outside `prompt_tokens` here wherever `total_tokens` proves it. */
const READING = chatReading(true);

/** No `stream_options`: usage comes unasked, and requests with unknown fields are refused. */
const CHAT = endpointRow(FAMILY, FAMILY, 'chat', {
  streams: 'body',
  mandatoryEnd: true,
  usage: READING,
  outputLimits: ['/max_tokens'],
  answerCounts: ['/n'],
});
const FILL_IN = endpointRow(FAMILY, FAMILY, 'completion', {
  outputLimits: ['/max_tokens'],
  streams: 'body',
  mandatoryEnd: true,
  usage: READING,
});

const CALLS = new SuffixTable([
  ['POST', 'chat/completions', CHAT],
  ['POST', 'agents/completions', CHAT],
  ['POST', 'fim/completions', FILL_IN],
]);

/** Chat with differences of its own; all else, errors included, is as in the family it follows. */
export const mistral: Dialect = Object.freeze({
  family: FAMILY,
  match(method: string, segments: readonly string[]): Endpoint | null {
    const call = CALLS.find(method, segments);
    return call === null ? openai.match(method, segments) : callEndpoint(call, segments);
  },
  error: openai.error,
});
