import type { ErrorRow } from '../../errors/index.ts';
import type { ErrorShape } from '../../pipeline/index.ts';
import { jsonErrorShape } from '../error-shape.ts';

const TYPES: ReadonlyMap<number, string> = new Map([
  [401, 'AccessDeniedException'],
  [402, 'AccessDeniedException'],
  [403, 'AccessDeniedException'],
  [404, 'ResourceNotFoundException'],
  [408, 'ModelTimeoutException'],
  [429, 'ThrottlingException'],
  [502, 'ServiceUnavailableException'],
  [503, 'ServiceUnavailableException'],
  [504, 'ModelTimeoutException'],
]);

/** `{"message"}` with the error's class in `x-amzn-errortype`, where SDKs look for it. */
export function bedrockError(row: ErrorRow): ErrorShape {
  const type =
    TYPES.get(row.status) ?? (row.status >= 500 ? 'InternalServerException' : 'ValidationException');
  return jsonErrorShape({ message: row.message }, ['x-amzn-errortype', type]);
}
