import { dirname, resolve } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { Secret } from '../base/index.ts';
import { type ConfigProblem, type ConfigResult, formatPath } from './config-problem.ts';
import { describeErrors } from './describe-error.ts';
import type { Fault, SourceTree } from './fault.ts';
import { addKeywords, Findings, type Mark, parsePointer } from './keywords.ts';
import { copyPlain } from './plain-copy.ts';
import { readCapped } from './read-capped.ts';
import { type Environment, ReferenceReader, type Resolved } from './reference-reader.ts';
import { rewriteSchema } from './rewrite-schema.ts';
import { parseYaml } from './yaml-tree.ts';

/** What surrounds a config that is not read from a file. */
export interface ConfigContext {
  /** Named in problems; null for none. */
  readonly file: string | null;
  /** Where relative paths start. */
  readonly baseDir: string;
  readonly env: Environment;
}

/** A rule between settings was broken, which no schema can say. */
export interface SettingsFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
}

const MAX_PROBLEMS = 50;

/**
 * Reads configs against one root JSON Schema (2020-12), which the caller
 * composes from the sections of its features. Besides JSON Schema's own, a
 * schema may use:
 * - `secret: true`: `env:NAME` or `file:PATH`, or a `Secret` in an object; becomes a `Secret`. A literal is refused.
 *   `secret: 'reference'` is the same as one side of a union whose other side takes any other text.
 * - `text: true`: `file:PATH`; becomes the file's text.
 * - `path: true`: a path relative to the config's folder; becomes absolute. `path: 'sqlite:'` does so behind that scheme. `path: 'unless an address'` leaves `https://…` and `http://…` as they are.
 * - `bytes: true`: bytes as a number, or `32MiB`, `500kB`; becomes a number. `minimum`, `maximum` count bytes.
 * - `duration: true`: milliseconds as a number, or `500ms`, `30s`, `5m`; becomes a number. Bounds count milliseconds.
 * - `expects`: words for what may stand there, as in "expected …".
 *
 * `default`s apply, also inside unions. A `type: object` refuses unknown keys
 * unless it has `additionalProperties`. An empty section (`usage:` and nothing
 * behind it, which YAML calls null) counts as `{}`: the section is there, with
 * its defaults. Sides of a union must differ by type, by constants, or by a
 * required property that is a constant.
 */
export class ConfigReader<T = unknown> {
  readonly #schema: object;
  readonly #validate: ValidateFunction;
  readonly #check: (settings: T) => readonly SettingsFault[];

  /**
   * @param check rules between settings, asked once the schema is satisfied; what it returns gets a position like any other problem.
   * @throws {Error} for a schema that cannot be used: a mistake of the program, not of the config.
   */
  constructor(schema: object, check: (settings: T) => readonly SettingsFault[] = () => []) {
    const ajv = new Ajv2020({
      strict: true,
      // Would refuse `not: { required: … }` and its like; the rewriting checks whole objects.
      strictRequired: false,
      allowUnionTypes: true,
      allErrors: true,
      verbose: true,
      useDefaults: true,
      passContext: true,
      ownProperties: true,
      // Checking the schema against its own schema, and tuning code that runs once,
      // took four fifths of the time to compile: strict mode finds the same mistakes.
      meta: false,
      inlineRefs: false,
      validateSchema: false,
      code: { optimize: false },
    });
    addKeywords(ajv);
    this.#schema = rewriteSchema(schema);
    this.#validate = ajv.compile(this.#schema);
    this.#check = check;
  }

  /** Reads YAML text. Never throws for what the text holds. */
  readText(text: string, context: ConfigContext): ConfigResult<T> {
    const parsed = parseYaml(text);
    if (parsed.ok) return this.#read(parsed.tree, context);
    const problems = parsed.faults.map(({ line, column, segments, message }) => {
      const path = formatPath(segments);
      return { file: context.file, line, column, path, message, suggestion: null };
    });
    return { ok: false, problems };
  }

  /** Reads a YAML file; relative paths in it count from its folder. */
  readFile(file: string, env: Environment): ConfigResult<T> {
    const path = resolve(file);
    const read = readCapped(path);
    if (read.ok) return this.readText(read.text, { file, baseDir: dirname(path), env });
    const column = read.line === null ? null : 1;
    const message = `the config file ${read.reason}`;
    return { ok: false, problems: [{ file, line: read.line, column, path: '', message, suggestion: null }] };
  }

  /** Reads an object by the same rules. It is copied: neither changed nor frozen. */
  readObject(value: unknown, context: ConfigContext): ConfigResult<T> {
    const copied = copyPlain(value);
    if (copied.ok) return this.#read({ value: copied.value, locate: () => null }, context);
    const problems = copied.faults.map(({ segments, message }) => {
      const path = formatPath(segments);
      return { file: context.file, line: null, column: null, path, message, suggestion: null };
    });
    return { ok: false, problems };
  }

  #read(tree: SourceTree, context: ConfigContext): ConfigResult<T> {
    const root = tree.value;
    if (typeof root !== 'object' || root === null || Array.isArray(root) || root instanceof Secret) {
      const fault = {
        segments: [],
        at: 'value',
        message: 'a config is a map of sections',
        suggestion: null,
      } as const;
      return { ok: false, problems: [problemOf(fault, root, tree, context)] };
    }
    const findings = new Findings();
    const isValid = this.#validate.call(findings, root);
    const errors = isValid ? [] : (this.#validate.errors ?? []);
    const references = new ReferenceReader(context.baseDir, context.env);
    const warnings: string[] = [];
    for (const [pointer, mark] of findings.marks) {
      const warning = resolveMark(mark, pointer, references, findings, root);
      if (warning !== null) warnings.push(`${formatPath(parsePointer(pointer), root)}: ${warning}`);
    }
    const faults = [...findings.faults, ...describeErrors(errors, this.#schema)];
    if (faults.length > 0) return { ok: false, problems: problemsOf(faults, root, tree, context) };
    const settings = deepFreeze(root) as T;
    const broken = this.#check(settings).map(faultOf);
    if (broken.length > 0) return { ok: false, problems: problemsOf(broken, root, tree, context) };
    return { ok: true, settings, files: [...references.files], warnings };
  }
}

/** Puts what a mark stands for into the config. Returns a warning or null. */
function resolveMark(
  mark: Mark,
  pointer: string,
  references: ReferenceReader,
  findings: Findings,
  root: object,
): string | null {
  const resolved = resolveValue(mark, references);
  if (!resolved.ok) {
    findings.refuse(pointer, resolved.message, resolved.suggestion);
    return null;
  }
  const segments = parsePointer(pointer);
  const last = segments.pop()!;
  let parent = root as Record<string, unknown>;
  for (const segment of segments) parent = parent[segment] as Record<string, unknown>;
  parent[last] = resolved.value;
  return resolved.warning;
}

function resolveValue(mark: Mark, references: ReferenceReader): Resolved<unknown> {
  switch (mark.kind) {
    case 'quantity':
      return { ok: true, value: mark.value, warning: null };
    case 'path': {
      const path = references.resolvePath(mark.value.slice(mark.scheme.length));
      return { ok: true, value: mark.scheme + path, warning: null };
    }
    case 'text':
      return references.readText(mark.value);
    case 'secret':
      if (typeof mark.value === 'string') return references.readSecret(mark.value);
      if (mark.value.reveal().trim() === '')
        return { ok: false, message: 'this secret is empty', suggestion: null };
      return { ok: true, value: mark.value, warning: null };
  }
}

function problemsOf(
  faults: readonly Fault[],
  root: unknown,
  tree: SourceTree,
  context: ConfigContext,
): ConfigProblem[] {
  const distinct = new Map<string, ConfigProblem>();
  for (const fault of faults) {
    if (distinct.size === MAX_PROBLEMS) break;
    const key = JSON.stringify([fault.segments, fault.at]);
    if (!distinct.has(key)) distinct.set(key, problemOf(fault, root, tree, context));
  }
  const place = (problem: ConfigProblem) => (problem.line ?? 0) * 1e6 + (problem.column ?? 0);
  return [...distinct.values()].sort((a, b) => place(a) - place(b));
}

function problemOf(fault: Fault, root: unknown, tree: SourceTree, context: ConfigContext): ConfigProblem {
  const position = tree.locate(fault.segments, fault.at);
  return {
    file: context.file,
    line: position?.line ?? null,
    column: position?.column ?? null,
    path: formatPath(fault.segments, root, fault.isKeyShown),
    message: fault.message,
    suggestion: fault.suggestion,
  };
}

function faultOf({ path, message }: SettingsFault): Fault {
  return { segments: path.map(String), at: 'value', message, suggestion: null };
}

function deepFreeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Secret) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
