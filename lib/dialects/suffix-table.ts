import type { Endpoint } from '../pipeline/index.ts';
import { withPathModel } from './endpoint-row.ts';

/** A row and how many segments of the path it takes, counted from the end. */
export interface SuffixMatch {
  readonly row: Endpoint;
  readonly length: number;
}

/**
 * Rows by method and the last one or two path segments: providers put the same
 * API under different base paths, so only the end of a path tells what it is.
 */
export class SuffixTable {
  readonly #rows: ReadonlyMap<string, SuffixMatch>;

  /** Each entry is a method, a suffix of one or two segments, and its row. */
  constructor(entries: readonly (readonly [method: string, suffix: string, row: Endpoint])[]) {
    this.#rows = new Map(
      entries.map(([method, suffix, row]) => [
        `${method} ${suffix}`,
        { row, length: suffix.split('/').length },
      ]),
    );
  }

  /** Two segments win over one. */
  find(method: string, segments: readonly string[]): SuffixMatch | null {
    const last = segments.at(-1);
    if (last === undefined) return null;
    const before = segments.at(-2);
    const two = before === undefined ? undefined : this.#rows.get(`${method} ${before}/${last}`);
    return two ?? this.#rows.get(`${method} ${last}`) ?? null;
  }
}

/** The row of a call, with the model that the path names in front of it where it does. */
export function callEndpoint(call: SuffixMatch, segments: readonly string[]): Endpoint {
  const model = modelBefore(segments, segments.length - call.length);
  return model === null ? call.row : withPathModel(call.row, model);
}

const VERSION = /^v\d+$/;
/** The endpoint that all models of a project share: which one, the body says. */
const SHARED_ENDPOINT = 'openapi';

/** What follows such a segment, up to the call, is a model; null where it is not after all. */
const MODEL_COLLECTIONS: ReadonlyMap<string, (names: readonly string[]) => string | null> = new Map([
  // Alone, a deployment may be called anything.
  ['deployments', names => (names.length === 1 ? names[0]! : wholeName(names))],
  ['models', wholeName],
  // With a version behind it, it is the software that runs the models.
  ['engines', names => (VERSION.test(names.at(-1)!) ? null : wholeName(names))],
  ['endpoints', ([name]) => (name === SHARED_ENDPOINT ? null : name!)],
]);

/** A name may take several segments; the version of the API that follows it is no part of it. */
function wholeName(names: readonly string[]): string | null {
  const name = VERSION.test(names.at(-1)!) ? names.slice(0, -1) : names;
  return name.length === 0 ? null : name.join('/');
}

/** The model of `deployments/{name}/<call>`, `models/{owner}/{name}/v1/<call>` and the like, or null. */
function modelBefore(segments: readonly string[], callAt: number): string | null {
  for (let i = 0; i < callAt - 1; i++) {
    const model = MODEL_COLLECTIONS.get(segments[i]!)?.(segments.slice(i + 1, callAt));
    if (model) return model;
  }
  return null;
}

/** The position of `word` among the last `within` segments, the leftmost one, or -1. */
export function positionFromEnd(segments: readonly string[], word: string, within: number): number {
  for (let i = Math.max(0, segments.length - within); i < segments.length; i++)
    if (segments[i] === word) return i;
  return -1;
}

/** GET and HEAD ask for the same thing. */
export function isRead(method: string): boolean {
  return method === 'GET' || method === 'HEAD';
}
