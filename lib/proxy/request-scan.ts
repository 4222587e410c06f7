import type { Exchange } from '../pipeline/index.ts';
import { JsonScanner, PointerSet } from '../wire/index.ts';

const REQUEST_POINTERS = new PointerSet(['/model', '/stream']);
/** Bodies that hold no JSON at their root. Everything else is looked at: curl calls JSON a form by default. */
const OTHER_TYPE = /^\s*(?:multipart|audio|image|video)\//i;

/**
 * Reads model and stream flag from a request body as it passes, for the fact.
 * Null where the body is no JSON or the path already tells.
 */
export function scanRequest(exchange: Exchange): JsonScanner | null {
  const endpoint = exchange.endpoint!;
  exchange.modelRequested = endpoint.pathModel;
  exchange.streamRequested = endpoint.streams === 'path' ? true : endpoint.streams === 'never' ? false : null;
  const { 'content-type': type, 'content-encoding': coding } = exchange.req.headers;
  if (coding !== undefined || (type !== undefined && OTHER_TYPE.test(type))) return null;
  return new JsonScanner(REQUEST_POINTERS, {
    document(values): void {
      const [model, stream] = values;
      if (typeof model === 'string' && exchange.modelRequested === null)
        exchange.modelRequested = model.slice(0, 256);
      if (exchange.streamRequested !== null) return;
      if (typeof stream === 'boolean') exchange.streamRequested = stream;
      else if (stream === undefined && endpoint.streams === 'bodyDefaultTrue')
        exchange.streamRequested = true;
    },
  });
}
