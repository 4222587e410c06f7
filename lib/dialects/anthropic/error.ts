import type { ErrorRow } from '../../errors/index.ts';
import type { ErrorShape } from '../../pipeline/index.ts';
import { jsonErrorShape } from '../error-shape.ts';

const TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'authentication_error'],
  [402, 'billing_error'],
  [403, 'permission_error'],
  [404, 'not_found_error'],
  [413, 'request_too_large'],
  [429, 'rate_limit_error'],
  [504, 'timeout_error'],
]);

/** `overloaded` and `draining` are load, which clients of this API back off from; another 5xx is a fault. */
function errorType(row: ErrorRow): string {
  if (row.code === 'overloaded' || row.code === 'draining') return 'overloaded_error';
  return TYPES.get(row.status) ?? (row.status >= 500 ? 'api_error' : 'invalid_request_error');
}

/** `{"type":"error","error":{"type","message"},"request_id"}` */
export function anthropicError(row: ErrorRow, requestId: string): ErrorShape {
  return jsonErrorShape({
    type: 'error',
    error: { type: errorType(row), message: row.message },
    request_id: requestId,
  });
}
