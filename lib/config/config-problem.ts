import { isPlainName } from './plain-name.ts';

/** One thing wrong with a config, worded for a person; never contains a secret or a value that could be one. */
export interface ConfigProblem {
  /** The config file as it was named, null for an object or text without a file. */
  readonly file: string | null;
  /** From 1; null where there is no text to point into. */
  readonly line: number | null;
  /** From 1, in UTF-16 units. */
  readonly column: number | null;
  /** Such as `providers.lab.keys[0]`; empty for the whole config. */
  readonly path: string;
  readonly message: string;
  /** The nearest valid key or value. */
  readonly suggestion: string | null;
}

/** What reading a config gives: frozen settings, or every problem found at once. */
export type ConfigResult<T> =
  | {
      readonly ok: true;
      readonly settings: T;
      /** Absolute paths of the files that `file:` references read, for watching. */
      readonly files: readonly string[];
      /** Worth an operator's eye, but no reason to refuse. */
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** One line per problem: `file:line:column: path: message (did you mean "x"?)`. */
export function formatProblems(problems: readonly ConfigProblem[]): string {
  return problems.map(formatProblem).join('\n');
}

function formatProblem(problem: ConfigProblem): string {
  const parts: string[] = [];
  if (problem.line !== null) {
    parts.push(`${problem.file ?? 'config'}:${problem.line}:${problem.column ?? 1}`);
  } else if (problem.file !== null) {
    parts.push(problem.file);
  }
  if (problem.path !== '') parts.push(problem.path);
  const hint = problem.suggestion === null ? '' : ` (did you mean "${problem.suggestion}"?)`;
  parts.push(problem.message + hint);
  return parts.join(': ');
}

/**
 * The path of a setting as people write it. Names that come from the config
 * are shown only where they cannot be a secret that was put in the wrong place.
 * `root` tells list indexes from keys that look like numbers; `isLastShown`
 * overrules what the last name looks like.
 */
export function formatPath(
  segments: readonly (string | number)[],
  root: unknown = null,
  isLastShown?: boolean,
): string {
  let path = '';
  let value = root;
  for (const [index, segment] of segments.entries()) {
    if (typeof segment === 'number' || Array.isArray(value)) {
      path += `[${segment}]`;
    } else {
      const isShown = (index === segments.length - 1 ? isLastShown : undefined) ?? isPlainName(segment);
      const name = isShown ? segment : '[hidden]';
      path += path === '' ? name : `.${name}`;
    }
    value = member(value, segment);
  }
  return path;
}

function member(value: unknown, name: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
  return (value as Record<string, unknown>)[name];
}
