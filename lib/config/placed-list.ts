import { type ConfigProblem, formatPath } from './config-problem.ts';
import type { Position } from './fault.ts';
import { readCapped } from './read-capped.ts';
import { parseYaml } from './yaml-tree.ts';

/** An item of a list, and where it stands. */
export interface PlacedItem {
  readonly value: unknown;
  /** Something wrong with it. @param path of the member in the item, empty for all of it; points at the item where there is no such member. */
  problem(path: readonly string[], message: string): ConfigProblem;
}

export type PlacedList =
  | { readonly ok: true; readonly items: readonly PlacedItem[] }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/**
 * Reads a YAML file that holds one list, under the rules of a config file. An
 * empty file is refused: it may be one that is being written. An empty list is
 * `[]`.
 */
export function readPlacedList(file: string): PlacedList {
  const read = readCapped(file);
  if (!read.ok) {
    const position = read.line === null ? null : { line: read.line, column: 1 };
    return { ok: false, problems: [problemAt(file, position, '', `the file ${read.reason}`)] };
  }
  const parsed = parseYaml(read.text);
  if (!parsed.ok) {
    const problems = parsed.faults.map(fault =>
      problemAt(file, fault, formatPath(fault.segments), fault.message),
    );
    return { ok: false, problems };
  }
  const { value, locate } = parsed.tree;
  if (!Array.isArray(value)) {
    const message = 'this is no list: each entry begins with "- ", and an empty list is []';
    return { ok: false, problems: [problemAt(file, locate([], 'value'), '', message)] };
  }
  const items = value.map(
    (item: unknown, index): PlacedItem => ({
      value: item,
      problem: (path, message) => {
        const segments = [String(index), ...path];
        return problemAt(file, locate(segments, 'value'), formatPath(segments, value), message);
      },
    }),
  );
  return { ok: true, items };
}

function problemAt(file: string, position: Position | null, path: string, message: string): ConfigProblem {
  const line = position?.line ?? null;
  const column = position?.column ?? null;
  return { file, line, column, path, message, suggestion: null };
}
