import { isAlias, isMap, isScalar, isSeq, type ParsedNode, type YAMLMap, type YAMLSeq } from 'yaml';
import { composeYaml } from './compose-yaml.ts';
import {
  FORBIDDEN_KEY_MESSAGE,
  isForbiddenKey,
  MAX_DEPTH,
  MAX_VALUES,
  type Position,
  type SourceTree,
  type TextFault,
} from './fault.ts';
import { isPlainName } from './plain-name.ts';

/** Uses of anchors in one file, counting those inside other anchors each time. */
const MAX_ALIASES = 100;

const MAX_FAULTS = 20;

type Map = YAMLMap<ParsedNode, ParsedNode | null>;
type Seq = YAMLSeq<ParsedNode>;
type Node = ParsedNode | null | undefined;
type Path = readonly (string | number)[];

export type ParsedYaml =
  | { readonly ok: true; readonly tree: SourceTree }
  | { readonly ok: false; readonly faults: readonly TextFault[] };

/**
 * YAML text → plain objects, lists and scalars with their positions. Refused,
 * besides what is not YAML 1.2: more than one document, tags, merge keys,
 * duplicate keys, keys that reach a prototype, aliases beyond a small number,
 * deep nesting, and text over 1 MiB. An empty text is an empty map.
 */
export function parseYaml(text: string): ParsedYaml {
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  const lines = new LineIndex(source);
  const composed = composeYaml(source);
  if (!composed.ok) {
    const { offset, message } = composed.fault;
    // A text that is too large is not walked once more for the sake of line 1.
    const position = offset === 0 ? { line: 1, column: 1 } : lines.positionAt(offset);
    return { ok: false, faults: [{ ...position, segments: [], message }] };
  }
  const root = composed.document.contents;
  const builder = new ValueBuilder(lines);
  const value = builder.build(root, [], 0) ?? {};
  if (builder.faults.length > 0) return { ok: false, faults: builder.faults };
  return {
    ok: true,
    tree: { value, locate: (segments, at) => locate(root, builder.anchors, lines, segments, at) },
  };
}

/** Offsets to lines and columns; made when the first one is asked for. */
class LineIndex {
  readonly #text: string;
  #starts: readonly number[] | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  positionAt(offset: number): Position {
    this.#starts ??= lineStarts(this.#text);
    let low = 0;
    let high = this.#starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: offset - this.#starts[low]! + 1 };
  }
}

function lineStarts(text: string): number[] {
  const starts = [0];
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
  return starts;
}

class ValueBuilder {
  readonly faults: TextFault[] = [];
  readonly anchors = new globalThis.Map<string, ParsedNode>();
  readonly #open = new Set<ParsedNode>();
  readonly #lines: LineIndex;
  #aliases = 0;
  #values = 0;
  #isExhausted = false;

  constructor(lines: LineIndex) {
    this.#lines = lines;
  }

  build(node: Node, segments: Path, depth: number): unknown {
    if (node === null || node === undefined || this.#isExhausted) return null;
    if (++this.#values > MAX_VALUES) return this.#giveUp(node, segments, 'the config is too large');
    if (depth > MAX_DEPTH) return this.#giveUp(node, segments, 'nested too deeply');
    if (isAlias(node)) return this.#expand(node, segments, depth);
    this.#remember(node, segments);
    if (isScalar(node)) return node.value;
    this.#open.add(node);
    const value = isMap(node)
      ? this.#map(node as Map, segments, depth)
      : (node as Seq).items.map((item, index) => this.build(item, [...segments, index], depth + 1));
    this.#open.delete(node);
    return value;
  }

  #map(node: Map, segments: Path, depth: number): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    const seen = new globalThis.Map<string, number>();
    for (const { key: keyNode, value: child } of node.items) {
      const key = isScalar(keyNode) ? String(keyNode.value) : '';
      const path = [...segments, key];
      const first = seen.get(key);
      if (first !== undefined) {
        const line = this.#lines.positionAt(first).line;
        this.#fault(keyNode, path, `duplicate key, first on line ${line}`);
      } else if (key === '<<') {
        this.#fault(keyNode, segments, 'merge keys (<<) are not supported');
      } else if (isForbiddenKey(key)) {
        this.#fault(keyNode, path, FORBIDDEN_KEY_MESSAGE);
      } else {
        seen.set(key, keyNode.range[0]);
        value[key] = this.build(child, path, depth + 1);
      }
    }
    return value;
  }

  #expand(node: ParsedNode & { source: string }, segments: Path, depth: number): unknown {
    const target = this.anchors.get(node.source);
    if (target === undefined) {
      const name = isPlainName(node.source) ? `"&${node.source}"` : 'of that name';
      return this.#fault(node, segments, `no anchor ${name} stands above this alias`);
    }
    if (this.#open.has(target)) return this.#fault(node, segments, 'this alias contains itself');
    if (++this.#aliases > MAX_ALIASES) return this.#giveUp(node, segments, 'too many aliases');
    return this.build(target, segments, depth + 1);
  }

  #remember(node: ParsedNode, segments: Path): void {
    if (isAlias(node) || node.anchor === undefined) return;
    const known = this.anchors.get(node.anchor);
    if (known === undefined) this.anchors.set(node.anchor, node);
    else if (known !== node) this.#fault(node, segments, 'this anchor is defined twice');
  }

  #fault(node: ParsedNode, segments: Path, message: string): null {
    this.faults.push({ ...this.#lines.positionAt(node.range[0]), segments, message });
    if (this.faults.length >= MAX_FAULTS) this.#isExhausted = true;
    return null;
  }

  /** Ends the walk: the remaining values would only cost time. */
  #giveUp(node: ParsedNode, segments: Path, message: string): null {
    this.#isExhausted = true;
    return this.#fault(node, segments, message);
  }
}

/** Where a setting stands; for one that is not in the text, the key of its nearest parent. */
function locate(
  root: Node,
  anchors: ReadonlyMap<string, ParsedNode>,
  lines: LineIndex,
  segments: readonly string[],
  at: 'key' | 'value',
): Position {
  let key = root?.range[0] ?? 0;
  let node = root;
  for (const segment of segments) {
    const container = node !== null && isAlias(node) ? anchors.get(node.source) : node;
    if (isMap(container)) {
      const pair = (container as Map).items.find(
        item => isScalar(item.key) && String(item.key.value) === segment,
      );
      if (pair === undefined) return lines.positionAt(key);
      key = pair.key.range[0];
      node = pair.value;
    } else {
      node = isSeq(container) ? (container as Seq).items[Number(segment)] : undefined;
      key = node?.range[0] ?? key;
    }
  }
  return lines.positionAt(at === 'key' ? key : (node?.range[0] ?? key));
}
