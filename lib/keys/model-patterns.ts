import type { ModelPatterns } from '../pipeline/index.ts';

/** In a compiled pattern; no code point is negative. */
const ANY_RUN = -1;
const ANY_ONE = -2;

const WILDCARD = /[*?]/;

/**
 * Globs over model names (CONTRACT §3): `*` is any run of characters, `/`
 * included, `?` exactly one (a code point), all else itself; the whole name must
 * match and case counts. A pattern with a `/` is matched against
 * `<route>/<model>`, one without against the model, which may hold slashes too.
 * No pattern matches nothing. Time is at most the length of the name times that
 * of the pattern, whatever either looks like.
 */
export function compileModelPatterns(patterns: readonly string[]): ModelPatterns {
  return new CompiledPatterns(patterns);
}

class CompiledPatterns implements ModelPatterns {
  readonly #bare: PatternList;
  readonly #routed: PatternList;

  constructor(patterns: readonly string[]) {
    this.#bare = new PatternList(patterns.filter(pattern => !pattern.includes('/')));
    this.#routed = new PatternList(patterns.filter(pattern => pattern.includes('/')));
  }

  allows(route: string, model: string): boolean {
    return this.#bare.matches(model) || (!this.#routed.isEmpty && this.#routed.matches(`${route}/${model}`));
  }
}

class PatternList {
  readonly #exact: ReadonlySet<string>;
  readonly #globs: readonly (readonly number[])[];

  constructor(patterns: readonly string[]) {
    this.#exact = new Set(patterns.filter(pattern => !WILDCARD.test(pattern)));
    this.#globs = patterns.filter(pattern => WILDCARD.test(pattern)).map(compileGlob);
  }

  get isEmpty(): boolean {
    return this.#exact.size === 0 && this.#globs.length === 0;
  }

  matches(name: string): boolean {
    if (this.#exact.has(name)) return true;
    if (this.#globs.length === 0) return false;
    const points = codePoints(name);
    return this.#globs.some(glob => matchesGlob(glob, points));
  }
}

function codePoints(text: string): readonly number[] {
  return Array.from(text, character => character.codePointAt(0)!);
}

function compileGlob(pattern: string): readonly number[] {
  const glob: number[] = [];
  for (const character of pattern) {
    const point = character === '*' ? ANY_RUN : character === '?' ? ANY_ONE : character.codePointAt(0)!;
    // Two runs are one.
    if (point !== ANY_RUN || glob.at(-1) !== ANY_RUN) glob.push(point);
  }
  return glob;
}

/**
 * Only the last `*` met is ever tried again, one character longer each time:
 * what an earlier one took can stay, since the later one may take any run.
 */
function matchesGlob(glob: readonly number[], name: readonly number[]): boolean {
  let g = 0;
  let n = 0;
  let runAt = -1;
  let runEnd = 0;
  while (n < name.length) {
    const wanted = glob[g];
    if (wanted === ANY_RUN) {
      runAt = g++;
      runEnd = n;
    } else if (wanted === ANY_ONE || wanted === name[n]) {
      g++;
      n++;
    } else if (runAt >= 0) {
      g = runAt + 1;
      n = ++runEnd;
    } else {
      return false;
    }
  }
  while (glob[g] === ANY_RUN) g++;
  return g === glob.length;
}
