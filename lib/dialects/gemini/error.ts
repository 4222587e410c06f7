import type { ErrorRow } from '../../errors/index.ts';
import type { ErrorShape } from '../../pipeline/index.ts';
import { jsonErrorShape } from '../error-shape.ts';

/** google.rpc.Code by HTTP status. */
const STATUSES: ReadonlyMap<number, string> = new Map([
  [401, 'UNAUTHENTICATED'],
  [402, 'PERMISSION_DENIED'],
  [403, 'PERMISSION_DENIED'],
  [404, 'NOT_FOUND'],
  [408, 'DEADLINE_EXCEEDED'],
  [429, 'RESOURCE_EXHAUSTED'],
  [501, 'UNIMPLEMENTED'],
  [502, 'UNAVAILABLE'],
  [503, 'UNAVAILABLE'],
  [504, 'DEADLINE_EXCEEDED'],
]);

/** `{"error":{"code","message","status"}}` */
export function geminiError(row: ErrorRow): ErrorShape {
  const status = STATUSES.get(row.status) ?? (row.status >= 500 ? 'INTERNAL' : 'INVALID_ARGUMENT');
  return jsonErrorShape({ error: { code: row.status, message: row.message, status } });
}
