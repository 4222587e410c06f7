/** Keywords that make a schema large enough to be worth compiling once. */
const NESTING = ['properties', 'additionalProperties', 'items', 'oneOf', 'anyOf'];

/**
 * The subschemas that stand in several places as one and the same object.
 * Dozens of entries often share a part (every provider has keys), and compiled
 * once each they took four times as long as all the rest.
 */
export function sharedSchemas(root: object): ReadonlySet<object> {
  const seen = new Set<object>();
  const shared = new Set<object>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if (seen.has(value)) {
      if (NESTING.some(keyword => Object.hasOwn(value, keyword))) shared.add(value);
      return;
    }
    seen.add(value);
    for (const member of Object.values(value)) visit(member);
  };
  visit(root);
  return shared;
}
