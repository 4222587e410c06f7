import type { Exchange } from '../pipeline/index.ts';
import { JsonScanner, PointerSet, TextMeter } from '../wire/index.ts';

const BASIC_POINTERS = ['/model', '/stream'] as const;
/** Where the dialects say how many tokens the model may give at most. */
const OUTPUT_LIMIT_POINTERS = [
  '/max_completion_tokens',
  '/max_output_tokens',
  '/max_tokens',
  '/max_tokens_to_sample',
  '/generationConfig/maxOutputTokens',
  '/inferenceConfig/maxTokens',
  '/options/num_predict',
] as const;
const REQUEST_POINTERS = new PointerSet(BASIC_POINTERS);
const ALL_POINTERS = new PointerSet([...BASIC_POINTERS, ...OUTPUT_LIMIT_POINTERS]);
/** Bodies that hold no JSON at their root. Everything else is looked at: curl calls JSON a form by default. */
const OTHER_TYPE = /^\s*(?:multipart|audio|image|video)\//i;

/**
 * Reads model and stream flag from a request body as it passes, for the fact;
 * with `readsOutputLimit` also how much the model may answer, for token limits.
 * Null where the body is no JSON or the path already tells.
 */
export function scanRequest(exchange: Exchange, readsOutputLimit: boolean): JsonScanner | null {
  const endpoint = exchange.endpoint!;
  exchange.modelRequested = endpoint.pathModel;
  exchange.streamRequested = endpoint.streams === 'path' ? true : endpoint.streams === 'never' ? false : null;
  const { 'content-type': type, 'content-encoding': coding } = exchange.req.headers;
  if (coding !== undefined || (type !== undefined && OTHER_TYPE.test(type))) return null;
  return new JsonScanner(readsOutputLimit ? ALL_POINTERS : REQUEST_POINTERS, {
    document(values): void {
      const [model, stream, ...outputLimits] = values;
      exchange.maxOutputTokens = largest(outputLimits);
      if (typeof model === 'string' && exchange.modelRequested === null)
        exchange.modelRequested = model.slice(0, 256);
      if (exchange.streamRequested !== null) return;
      if (typeof stream === 'boolean') exchange.streamRequested = stream;
      else if (stream === undefined && endpoint.streams === 'bodyDefaultTrue')
        exchange.streamRequested = true;
    },
  });
}

/** Of several statements the largest: whichever the provider reads, it is not more. */
function largest(stated: readonly unknown[]): number | null {
  const counts = stated.filter(value => typeof value === 'number' && value > 0) as number[];
  return counts.length === 0 ? null : Math.max(...counts);
}

/** A meter for the text of a request body; null where the answer never states usage, or no text can be seen. */
export function meterText({ endpoint, req }: Exchange): TextMeter | null {
  const { 'content-type': type, 'content-encoding': coding } = req.headers;
  if (endpoint!.usage === null || coding !== undefined || (type !== undefined && OTHER_TYPE.test(type)))
    return null;
  return new TextMeter();
}
