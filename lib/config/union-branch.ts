import { QUANTITY_EXAMPLES } from './quantity.ts';
import type { SchemaObject } from './rewrite-schema.ts';
import { SECRET_WORDS, typeWord } from './words.ts';

/** One side of a union, with what decides for it. */
export interface Branch {
  readonly schema: unknown;
  readonly where: string;
  /** Decided by listed values, by being a secret, or by JSON types. */
  readonly kind: 'value' | 'secret' | 'types';
  readonly test: SchemaObject;
  readonly types: readonly string[];
  /** What a person may write, for the message when no branch fits. */
  readonly words: readonly string[];
  readonly values: readonly string[];
  /** Required properties with a constant: what can tell objects apart. */
  readonly constants: Readonly<Record<string, readonly unknown[]>>;
}

const ASSERTIONS: ReadonlySet<string> = new Set([
  'required',
  'not',
  'title',
  'description',
  '$comment',
  'expects',
]);

/** Whether a schema only asks for keys to be present or absent; ajv decides such unions well. */
export function isAssertion(schema: unknown): boolean {
  return isSchemaObject(schema) && Object.keys(schema).every(keyword => ASSERTIONS.has(keyword));
}

/**
 * What a side of a union accepts.
 * @throws {TypeError} when that cannot be told from its type, constant or annotation.
 */
export function branchOf(schema: unknown, root: SchemaObject, where: string): Branch {
  const target = dereference(schema, root, where);
  const base = { schema, where, words: [expects(target) ?? ''], values: [], types: [], constants: {} };
  const listed = valuesOf(target);
  if (listed !== null) {
    const words = expects(target) === null ? listed.map(String) : base.words;
    const values = listed.filter(value => typeof value === 'string');
    return { ...base, kind: 'value', test: { enum: listed }, words, values };
  }
  if (target.secret !== undefined) {
    const words = [SECRET_WORDS];
    // A side for references only leaves every other text to the other sides.
    if (target.secret === 'reference')
      return { ...base, kind: 'secret', test: { secretReference: true }, words };
    return { ...base, kind: 'secret', test: { secretInput: true }, types: ['string'], words };
  }
  const types = typesOf(target, where);
  const words = expects(target) === null ? [wordsOf(target, types)] : base.words;
  return { ...base, kind: 'types', test: { type: types }, types, words, constants: constantsOf(target) };
}

/** Whether a value could be meant for both. Objects are told apart by a property. */
export function typesOverlap(one: Branch, other: Branch): boolean {
  if (one.kind === 'value' || other.kind === 'value') return false;
  if (one.kind === 'secret' && other.kind === 'secret') return true;
  const [a, b] = [kinds(one), kinds(other)];
  const isObject = (types: readonly string[]) => types.length === 1 && types[0] === 'object';
  return !(isObject(a) && isObject(b)) && a.some(type => b.includes(type));
}

function kinds(branch: Branch): readonly string[] {
  return branch.types.map(type => (type === 'integer' ? 'number' : type));
}

function dereference(schema: unknown, root: SchemaObject, where: string): SchemaObject {
  let target = schema;
  for (let hops = 0; isSchemaObject(target) && typeof target.$ref === 'string'; hops++) {
    if (!target.$ref.startsWith('#/') || hops > 16)
      throw new TypeError(`${where}: only references into this schema`);
    target = target.$ref
      .slice(2)
      .split('/')
      .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
      .reduce<unknown>((at, part) => (isSchemaObject(at) ? at[part] : undefined), root);
  }
  if (!isSchemaObject(target)) throw new TypeError(`${where}: a union needs schemas that say their type`);
  return target;
}

function valuesOf(schema: SchemaObject): readonly unknown[] | null {
  if (schema.const !== undefined) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : null;
}

function typesOf(schema: SchemaObject, where: string): readonly string[] {
  if (schema.bytes !== undefined || schema.duration !== undefined) return ['integer', 'string'];
  if (schema.path !== undefined || schema.text !== undefined) return ['string'];
  if (typeof schema.type === 'string') return [schema.type];
  if (Array.isArray(schema.type)) return schema.type as string[];
  throw new TypeError(`${where}: a side of a union must say its type`);
}

function wordsOf(schema: SchemaObject, types: readonly string[]): string {
  if (schema.bytes !== undefined) return QUANTITY_EXAMPLES.bytes;
  if (schema.duration !== undefined) return QUANTITY_EXAMPLES.duration;
  if (schema.text !== undefined) return 'file:PATH';
  return types.map(typeWord).join(' or ');
}

function constantsOf(schema: SchemaObject): Record<string, readonly unknown[]> {
  const required = Array.isArray(schema.required) ? (schema.required as unknown[]) : [];
  const constants: Record<string, readonly unknown[]> = {};
  for (const [name, property] of Object.entries(isSchemaObject(schema.properties) ? schema.properties : {})) {
    const values = isSchemaObject(property) ? valuesOf(property) : null;
    if (values !== null && required.includes(name)) constants[name] = values;
  }
  return constants;
}

function expects(schema: SchemaObject): string | null {
  return typeof schema.expects === 'string' ? schema.expects : null;
}

function isSchemaObject(value: unknown): value is SchemaObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
