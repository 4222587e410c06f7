import { sharedSchemas } from './shared-schemas.ts';
import { type Branch, branchOf, isAssertion, typesOverlap } from './union-branch.ts';

/** A JSON Schema that is not just `true` or `false`. */
export type SchemaObject = { readonly [keyword: string]: unknown };

/**
 * How a subschema is used: `whole` describes a value by itself, `branch` is one
 * side of a union, `part` adds to a whole (allOf, then, else), `test` only
 * decides something (if, not, contains) and so may not carry annotations.
 */
type Use = 'whole' | 'branch' | 'part' | 'test';

const ANNOTATIONS = ['secret', 'path', 'text', 'bytes', 'duration'] as const;
type Annotation = (typeof ANNOTATIONS)[number];
const NOTES: ReadonlySet<string> = new Set([
  'title',
  'description',
  'default',
  'expects',
  'examples',
  '$comment',
]);

/** What each schema-bearing keyword does with the schemas in it. */
const SINGLE: Readonly<Record<string, Use>> = {
  items: 'whole',
  additionalProperties: 'whole',
  unevaluatedProperties: 'whole',
  unevaluatedItems: 'whole',
  propertyNames: 'test',
  contains: 'test',
  not: 'test',
  if: 'test',
  // biome-ignore lint/suspicious/noThenProperty: the JSON Schema keyword
  then: 'part',
  else: 'part',
};
const NAMED: Readonly<Record<string, Use>> = {
  properties: 'whole',
  patternProperties: 'whole',
  $defs: 'whole',
  definitions: 'whole',
  dependentSchemas: 'part',
};
const LISTED: Readonly<Record<string, Use>> = { prefixItems: 'whole', allOf: 'part' };
const APPLICATORS = ['$ref', 'allOf', 'oneOf', 'anyOf', 'if', 'dependentSchemas', 'unevaluatedProperties'];

/**
 * The root schema as authors write it → the one ajv compiles:
 * - `oneOf`/`anyOf` become if/then/else chains decided by type, constant or a
 *   discriminating property, so that a mistake is reported against the branch
 *   that was meant and defaults work inside branches;
 * - a `type: object` refuses unknown keys unless it says otherwise, and takes
 *   an empty YAML value as `{}`;
 * - the project's keywords get the types they stand for;
 * - a subschema that is one object in several places is compiled once.
 *
 * @throws {TypeError} for a schema that cannot be rewritten: a mistake of ours, not of the config.
 */
export function rewriteSchema(root: object): SchemaObject {
  const rewriter = new Rewriter(root as SchemaObject);
  const rewritten = rewriter.rewrite(root, 'whole', '#') as SchemaObject;
  return { ...rewritten, $defs: { ...(rewritten.$defs as object | undefined), ...rewriter.hoisted } };
}

class Rewriter {
  /** By name in `$defs`. */
  readonly hoisted: Record<string, unknown> = {};
  readonly #root: SchemaObject;
  readonly #shared: ReadonlySet<object>;
  readonly #names = new Map<object, string>();

  constructor(root: SchemaObject) {
    this.#root = root;
    this.#shared = sharedSchemas(root);
  }

  rewrite(schema: unknown, use: Use, where: string): unknown {
    if (typeof schema !== 'object' || schema === null || Array.isArray(schema)) return schema;
    const source = schema as SchemaObject;
    const annotation = ANNOTATIONS.find(keyword => source[keyword] !== undefined);
    if (annotation !== undefined) return this.#annotated(source, annotation, use, where);

    const rewritten: Record<string, unknown> = {};
    for (const [keyword, value] of Object.entries(source)) {
      if (keyword === 'oneOf' || keyword === 'anyOf') continue;
      rewritten[keyword] = this.#keyword(keyword, value, use, `${where}/${keyword}`);
    }
    for (const keyword of ['oneOf', 'anyOf'] as const) {
      if (source[keyword] !== undefined) this.#union(keyword, source, rewritten, use, where);
    }
    if (source.type === 'object' && (use === 'whole' || use === 'branch'))
      close(source, rewritten, use, where);
    return rewritten;
  }

  #keyword(keyword: string, value: unknown, use: Use, where: string): unknown {
    const inner = (own: Use): Use => (use === 'test' ? 'test' : own);
    const single = SINGLE[keyword];
    if (single !== undefined) {
      const use = inner(single);
      return keyword === 'items' ? this.#member(value, use, where) : this.rewrite(value, use, where);
    }
    const named = NAMED[keyword];
    if (named !== undefined) {
      const entries = Object.entries(value as SchemaObject);
      return Object.fromEntries(
        entries.map(([name, s]) => [name, this.#member(s, inner(named), `${where}/${name}`)]),
      );
    }
    const listed = LISTED[keyword];
    if (listed !== undefined) {
      return (value as unknown[]).map((s, index) => this.rewrite(s, inner(listed), `${where}/${index}`));
    }
    return value;
  }

  /** A member or an entry: in its place, or as a reference to the one copy. */
  #member(schema: unknown, use: Use, where: string): unknown {
    if (use !== 'whole' || !this.#shared.has(schema as object)) return this.rewrite(schema, use, where);
    const shared = schema as SchemaObject;
    let name = this.#names.get(shared);
    if (name === undefined) {
      name = `shared-${this.#names.size}`;
      this.#names.set(shared, name);
      const { default: _, ...rest } = this.rewrite(shared, use, where) as SchemaObject;
      this.hoisted[name] = rest;
    }
    // ajv looks for a default beside the reference, and refuses one behind it.
    return { $ref: `#/$defs/${name}`, ...(shared.default !== undefined && { default: shared.default }) };
  }

  #annotated(source: SchemaObject, annotation: Annotation, use: Use, where: string): SchemaObject {
    if (use === 'test') throw new TypeError(`${where}: "${annotation}" cannot stand in a condition`);
    if (annotation === 'path' || annotation === 'text') return { ...source, type: 'string' };
    const { type, minimum, maximum, ...rest } = source;
    const isQuantity = annotation === 'bytes' || annotation === 'duration';
    const misfit =
      Object.keys(rest).find(keyword => !NOTES.has(keyword) && keyword !== annotation) ??
      ((minimum ?? maximum) !== undefined && !isQuantity ? 'minimum or maximum' : undefined);
    if (misfit !== undefined) throw new TypeError(`${where}: "${misfit}" does not go with "${annotation}"`);
    return isQuantity ? { ...rest, [annotation]: { minimum: minimum ?? 0, maximum: maximum ?? null } } : rest;
  }

  #union(
    keyword: 'oneOf' | 'anyOf',
    source: SchemaObject,
    out: Record<string, unknown>,
    use: Use,
    where: string,
  ): void {
    const schemas = source[keyword] as readonly unknown[];
    const path = `${where}/${keyword}`;
    if (use === 'test' || schemas.every(isAssertion)) {
      out[keyword] = schemas.map((schema, index) => this.rewrite(schema, 'test', `${path}/${index}`));
      return;
    }
    const branches = schemas.map((schema, index) => branchOf(schema, this.#root, `${path}/${index}`));
    const parts = Array.isArray(out.allOf) ? out.allOf : [];
    out.allOf = [...parts, this.#chain(branches, path)];
  }

  /** if branch 1's kind then branch 1 else if … else a message that names all kinds. */
  #chain(branches: readonly Branch[], where: string): SchemaObject {
    const rank = { value: 0, secret: 1, types: 2 };
    const ordered = branches.toSorted((a, b) => rank[a.kind] - rank[b.kind]);
    const objects = ordered.filter(branch => branch.kind === 'types' && branch.types.includes('object'));
    this.#checkDisjoint(ordered, where);
    let chain: SchemaObject = {
      choice: {
        words: branches.flatMap(branch => branch.words),
        values: branches.flatMap(branch => branch.values),
      },
    };
    if (objects.length > 1) {
      chain = ifThen({ type: 'object' }, this.#objectChain(objects, where), chain);
    }
    for (const branch of ordered.toReversed()) {
      if (objects.length > 1 && objects.includes(branch)) continue;
      chain = ifThen(branch.test, this.rewrite(branch.schema, 'branch', branch.where), chain);
    }
    return chain;
  }

  #checkDisjoint(branches: readonly Branch[], where: string): void {
    for (const [index, one] of branches.entries()) {
      for (const other of branches.slice(index + 1)) {
        if (typesOverlap(one, other)) {
          throw new TypeError(`${where}: two branches take the same type, so none could be chosen`);
        }
      }
    }
  }

  #objectChain(branches: readonly Branch[], where: string): SchemaObject {
    const names = Object.keys(branches[0]!.constants);
    const name = names.find(candidate => branches.every(branch => branch.constants[candidate] !== undefined));
    if (name === undefined) {
      throw new TypeError(`${where}: branches that are objects need a required property with a constant`);
    }
    const every = branches.flatMap(branch => branch.constants[name]!);
    if (new Set(every).size !== every.length) throw new TypeError(`${where}: two branches share a constant`);
    let chain: SchemaObject = { type: 'object', required: [name], properties: { [name]: { enum: every } } };
    for (const branch of branches.toReversed()) {
      const test = {
        properties: { [name]: { enum: branch.constants[name] } },
        required: [name],
        type: 'object',
      };
      chain = ifThen(test, this.rewrite(branch.schema, 'branch', branch.where), chain);
    }
    return chain;
  }
}

function ifThen(test: SchemaObject, schema: unknown, otherwise: SchemaObject): SchemaObject {
  // biome-ignore lint/suspicious/noThenProperty: the JSON Schema keyword
  return { if: test, then: schema, else: otherwise };
}

/** Unknown keys are refused by default, and an empty section counts as `{}`. */
function close(source: SchemaObject, rewritten: Record<string, unknown>, use: Use, where: string): void {
  const isOpen = source.additionalProperties !== undefined || source.unevaluatedProperties !== undefined;
  const isElsewhere = source.properties === undefined && APPLICATORS.some(name => source[name] !== undefined);
  if (!isOpen && !isElsewhere) rewritten.additionalProperties = false;
  if (rewritten.additionalProperties === false && source.patternProperties === undefined) {
    const properties = (source.properties ?? {}) as SchemaObject;
    const unknown = ((source.required ?? []) as string[]).find(name => properties[name] === undefined);
    if (unknown !== undefined) throw new TypeError(`${where}: "${unknown}" is required, but no property`);
  }
  // A branch never sees null: the union tests the type first.
  if (use === 'whole') rewritten.type = ['object', 'null'];
  rewritten.section = true;
}
