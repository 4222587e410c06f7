import type { Exchange } from '../pipeline/index.ts';
import { Hold } from './hold.ts';
import type { Reading } from './rule.ts';

/**
 * What an answer tells of the limits of its key, as flat name, value pairs,
 * under the names that clients of LLM APIs know: the limit, what remains of it,
 * and how long until all that is counted now has left. Of several limits the
 * one that leaves least. Empty where none applies.
 */
export function limitHeaders(exchange: Exchange): readonly string[] {
  const hold = Hold.find(exchange);
  if (hold === null) return [];
  return [...fieldsOf('requests', hold.requests), ...fieldsOf('tokens', hold.tokens)];
}

function fieldsOf(what: 'requests' | 'tokens', reading: Reading | null): readonly string[] {
  if (reading === null) return [];
  return [
    `x-ratelimit-limit-${what}`,
    String(reading.limit),
    `x-ratelimit-remaining-${what}`,
    String(reading.remaining),
    `x-ratelimit-reset-${what}`,
    `${reading.resetSeconds}s`,
  ];
}
