import type { ErrorShape } from '../pipeline/index.ts';

const JSON_HEADERS: readonly string[] = Object.freeze(['content-type', 'application/json']);

/** An error answer in JSON. `headers` are further name, value pairs. */
export function jsonErrorShape(body: object, headers: readonly string[] = []): ErrorShape {
  return {
    headers: headers.length === 0 ? JSON_HEADERS : [...JSON_HEADERS, ...headers],
    body: JSON.stringify(body),
  };
}
