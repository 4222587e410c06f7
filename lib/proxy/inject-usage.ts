import type { Exchange } from '../pipeline/index.ts';
import { scanRootKeys } from '../wire/index.ts';
import { IN_HAND_BYTES } from './request-body.ts';

/** Whether this exchange may ask for usage on the client's behalf at all (CONTRACT §6). */
function isEligible(exchange: Exchange): boolean {
  const provider = exchange.provider!;
  return (
    exchange.principal!.managed &&
    exchange.endpoint!.includeUsageOption &&
    provider.streamUsage === 'opt-in' &&
    provider.injectUsage &&
    exchange.streamRequested === true &&
    exchange.req.headers['content-encoding'] === undefined
  );
}

/**
 * The request body with `stream_options.include_usage` spliced in, or null
 * where it stays as it is: not one unambiguous JSON object, no `stream: true`,
 * or the client stated `include_usage` itself. Nothing else is touched.
 */
export function injectUsage(exchange: Exchange, body: Buffer): Buffer | null {
  if (body.length > IN_HAND_BYTES || !isEligible(exchange)) return null;
  const root = scanRootKeys(body, ['stream_options']);
  if (root === null || root.ambiguous) return null;
  const stream = root.keys.get('stream');
  if (stream === undefined || text(body, stream) !== 'true') return null;
  const options = root.keys.get('stream_options');
  if (options === undefined)
    return splice(body, root.openBrace + 1, '"stream_options":{"include_usage":true},');
  if (text(body, options) === 'null') return replace(body, options, '{"include_usage":true}');
  const nested = root.nested.get('stream_options');
  if (nested === undefined || nested.keys.has('include_usage')) return null;
  return splice(
    body,
    nested.openBrace + 1,
    nested.keys.size === 0 ? '"include_usage":true' : '"include_usage":true,',
  );
}

interface Span {
  readonly valueStart: number;
  readonly valueEnd: number;
}

function text(body: Buffer, span: Span): string {
  return body.toString('latin1', span.valueStart, span.valueEnd);
}

function splice(body: Buffer, offset: number, inserted: string): Buffer {
  return Buffer.concat([body.subarray(0, offset), Buffer.from(inserted), body.subarray(offset)]);
}

function replace(body: Buffer, span: Span, inserted: string): Buffer {
  return Buffer.concat([
    body.subarray(0, span.valueStart),
    Buffer.from(inserted),
    body.subarray(span.valueEnd),
  ]);
}
