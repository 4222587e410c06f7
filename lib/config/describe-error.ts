import type { ErrorObject } from 'ajv/dist/2020.js';
import type { Fault } from './fault.ts';
import { parsePointer } from './keywords.ts';
import { nearest } from './nearest.ts';
import { joinOr, kindWord, typeWord } from './words.ts';

const MAX_KEYS_NAMED = 12;

/** Errors that say what the errors of their subschemas say in parts. */
const SUMMARIES: ReadonlySet<string> = new Set(['oneOf', 'anyOf', 'contains']);

type Params = Readonly<Record<string, unknown>>;

/** ajv's errors (`allErrors`, `verbose`) in our words, without those that only repeat others. */
export function describeErrors(errors: readonly ErrorObject[], root: object): Fault[] {
  const wholes = errors.filter(error => SUMMARIES.has(error.keyword));
  const isPart = (error: ErrorObject) =>
    wholes.some(
      whole =>
        error.schemaPath.startsWith(`${whole.schemaPath}/`) &&
        error.instancePath.startsWith(whole.instancePath),
    );
  return errors
    .filter(error => error.keyword !== 'if' && error.propertyName === undefined && !isPart(error))
    .map(error => misspelledName(error, root) ?? describeError(error));
}

function describeError(error: ErrorObject): Fault {
  const segments = parsePointer(error.instancePath);
  switch (error.keyword) {
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return unknownKey(error, segments);
    case 'required':
    case 'dependentRequired':
      return missingKey(error, segments);
    case 'propertyNames':
      return badName(error, segments);
    case 'enum':
      return badValue(error, segments);
    default:
      return { segments, at: 'value', message: messageFor(error), suggestion: null };
  }
}

function unknownKey(error: ErrorObject, parent: readonly string[]): Fault {
  const params = error.params as Params;
  const key = String(params.additionalProperty ?? params.unevaluatedProperty);
  const schema = error.parentSchema as { properties?: Record<string, unknown> } | undefined;
  const known = Object.keys(schema?.properties ?? {});
  const suggestion = nearest(key, known);
  const fault = { segments: [...parent, key], at: 'key', suggestion } as const;
  if (suggestion !== null) {
    // A slip of a known key is no secret; a known key with more behind it may be.
    const isSlip = Math.abs(key.length - suggestion.length) <= 2;
    return { ...fault, message: 'unknown key', ...(isSlip && { isKeyShown: true }) };
  }
  const valid = known.length > MAX_KEYS_NAMED ? [...known.slice(0, MAX_KEYS_NAMED), '…'] : known;
  const message = valid.length === 0 ? 'unknown key' : `unknown key; the keys here are ${valid.join(', ')}`;
  // Beside secrets, a key without a value is as likely a secret: {sk-123} is a map in YAML.
  const isAlone = (error.data as Params)[key] === null;
  const isRisky = isAlone && Object.values(schema?.properties ?? {}).some(isSecretSchema);
  return { ...fault, message, ...(isRisky && { isKeyShown: false }) };
}

function isSecretSchema(schema: unknown): boolean {
  return typeof schema === 'object' && schema !== null && Object.hasOwn(schema, 'secret');
}

/**
 * A map of known and new entries (`properties` beside `additionalProperties`)
 * takes a misspelled known name for a new one, of which most is missing then.
 */
function misspelledName(error: ErrorObject, root: object): Fault | null {
  const suffix = '/additionalProperties/required';
  if (error.keyword !== 'required' || !error.schemaPath.endsWith(suffix)) return null;
  const map = parsePointer(decodeURIComponent(error.schemaPath.slice(0, -suffix.length))).reduce<unknown>(
    (schema, part) => (schema as Params | undefined)?.[part],
    root,
  );
  const known = (map as { properties?: object } | undefined)?.properties ?? {};
  const segments = parsePointer(error.instancePath);
  const suggestion = nearest(segments.at(-1) ?? '', Object.keys(known));
  if (suggestion === null) return null;
  const required = (error.schema as readonly string[]).join(', ');
  return { segments, at: 'key', message: `unknown name; a new one needs ${required}`, suggestion };
}

function missingKey(error: ErrorObject, parent: readonly string[]): Fault {
  const params = error.params as Params;
  const message =
    error.keyword === 'required'
      ? 'this key is missing'
      : `this key is missing: "${params.property}" needs it`;
  return { segments: [...parent, String(params.missingProperty)], at: 'key', message, suggestion: null };
}

function badName(error: ErrorObject, parent: readonly string[]): Fault {
  const name = String((error.params as Params).propertyName);
  const expected = expectation((error.schema ?? {}) as Params) ?? expectation(error.parentSchema ?? {});
  const message = `this name is not allowed here${expected === null ? '' : `: expected ${expected}`}`;
  return { segments: [...parent, name], at: 'key', message, suggestion: null };
}

function badValue(error: ErrorObject, segments: readonly string[]): Fault {
  const allowed = (error.params as { allowedValues: readonly unknown[] }).allowedValues;
  const texts = allowed.filter(value => typeof value === 'string');
  const suggestion = typeof error.data === 'string' ? nearest(error.data, texts) : null;
  const message = `expected ${expectation(error.parentSchema ?? {}) ?? joinOr(allowed.map(String))}`;
  return { segments, at: 'value', message, suggestion };
}

function expectation(schema: Params): string | null {
  return typeof schema.expects === 'string' ? schema.expects : null;
}

function messageFor(error: ErrorObject): string {
  const expected = expectation(error.parentSchema ?? {});
  if (error.keyword === 'type') return typeMessage(error, expected);
  if (expected !== null) return `expected ${expected}`;
  const params = error.params as Params;
  const limit = Number(params.limit);
  switch (error.keyword) {
    case 'const':
      return `expected ${String(params.allowedValue)}`;
    case 'minimum':
      return `must be at least ${limit}`;
    case 'maximum':
      return `must be at most ${limit}`;
    case 'exclusiveMinimum':
      return `must be more than ${limit}`;
    case 'exclusiveMaximum':
      return `must be less than ${limit}`;
    case 'multipleOf':
      return `must be a multiple of ${Number(params.multipleOf)}`;
    case 'minLength':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} characters`;
    case 'maxLength':
      return `must have at most ${limit} characters`;
    case 'pattern':
      return `must match ${String(params.pattern)}`;
    default:
      return structureMessage(error, limit);
  }
}

function structureMessage(error: ErrorObject, limit: number): string {
  switch (error.keyword) {
    case 'minItems':
    case 'minProperties':
      return limit === 1 ? 'must not be empty' : `must have at least ${limit} entries`;
    case 'maxItems':
    case 'maxProperties':
      return `must have at most ${limit} entries`;
    case 'uniqueItems':
      return 'holds the same entry twice';
    case 'contains':
      return 'lacks an entry that is needed';
    case 'false schema':
      return 'is not allowed here';
    case 'oneOf':
    case 'anyOf':
      return unionMessage(error);
    case 'not':
      return notMessage(error);
    default:
      return `is not valid (${error.keyword})`;
  }
}

function typeMessage(error: ErrorObject, expected: string | null): string {
  const types = ([] as unknown[]).concat((error.params as Params).type).map(String);
  const isSection = (error.parentSchema as Params | undefined)?.section === true;
  const wanted = expected ?? joinOr(types.filter(type => type !== 'null' || !isSection).map(typeWord));
  return `expected ${wanted}, got ${kindWord(error.data, types.map(typeWord))}`;
}

/** Only unions of `required` and `not` are left for ajv to decide. */
function unionMessage(error: ErrorObject): string {
  const branches = Array.isArray(error.schema) ? (error.schema as Params[]) : [];
  const keys = branches.flatMap(branch =>
    Array.isArray(branch.required) ? [branch.required.join(' with ')] : [],
  );
  if (keys.length === 0) return 'this combination of keys is not allowed';
  return `needs ${error.keyword === 'oneOf' ? 'exactly one' : 'at least one'} of ${keys.join(', ')}`;
}

function notMessage(error: ErrorObject): string {
  const required = (error.schema as Params | undefined)?.required;
  if (!Array.isArray(required)) return 'this value is not allowed';
  return `${required.join(' and ')} cannot be set together`;
}
