import type { ErrorRow } from '../../errors/index.ts';
import type { ErrorShape } from '../../pipeline/index.ts';
import { jsonErrorShape } from '../error-shape.ts';

function errorType(row: ErrorRow): string {
  if (row.code === 'insufficient_quota' || row.status === 402) return 'insufficient_quota';
  if (row.status === 429) return 'rate_limit_error';
  return row.status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** `{"error":{"message","type","param","code"}}`: also the shape of everything that has none of its own. */
export function openaiError(row: ErrorRow): ErrorShape {
  return jsonErrorShape({
    error: { message: row.message, type: errorType(row), param: null, code: row.code },
  });
}
