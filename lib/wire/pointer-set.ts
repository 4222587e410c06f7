/** An object member that leads further down: its name in UTF-8. */
export interface PointerEdge {
  readonly name: Buffer;
  readonly node: PointerNode;
}

/** One place in a document that a pointer ends at or passes through. */
export class PointerNode {
  /** Dense, from 0: scanners keep their per-document marks in arrays beside the set. */
  readonly id: number;
  /** Indexes of the pointers that end here. */
  readonly values: number[] = [];
  /** Indexes of the `/-/#` pointers that count the elements of an array here. */
  readonly counts: number[] = [];
  /** Everything that hangs on this place: cleared when a repeated key starts it anew. */
  readonly covered: number[] = [];
  readonly byName = new Map<string, PointerNode>();
  /** Members by the byte length of their name, so that nearly every other name is dismissed at once. */
  readonly byLength: (PointerEdge[] | undefined)[] = [];
  readonly byIndex = new Map<number, PointerNode>();
  /** The last array element that is of interest, -1 for none, Infinity where all are counted. */
  lastIndex = -1;

  constructor(id: number) {
    this.id = id;
  }

  /** The member with the name `bytes[start, end)`, or null. */
  member(bytes: Buffer, start: number, end: number): PointerNode | null {
    const length = end - start;
    if (length >= this.byLength.length) return null;
    const edges = this.byLength[length];
    if (edges === undefined) return null;
    for (let e = 0; e < edges.length; e++) {
      const { name, node } = edges[e]!;
      let k = 0;
      while (k < length && name[k] === bytes[start + k]) k++;
      if (k === length) return node;
    }
    return null;
  }
}

const POINTER = /^(?:\/(?:[^/~]|~[01])*)*$/;
const COUNT_SUFFIX = '/-/#';
const ARRAY_INDEX = /^(?:0|[1-9][0-9]{0,14})$/;

/**
 * A compiled set of JSON pointers (RFC 6901), array indexes allowed, plus one
 * form of our own: a trailing `/-/#`, as in `/data/-/#`, is the number of
 * elements of that array. Index i in the list is index i of a document's
 * values. The pointer '' is the whole document. Pointers may overlap or repeat.
 * Immutable once built and free to share. A malformed pointer is a TypeError:
 * pointers are code, never input.
 */
export class PointerSet {
  readonly pointers: readonly string[];
  readonly root: PointerNode;
  readonly nodeCount: number;
  /** Most containers that can be open at once while a pointer is still alive. */
  readonly maxDepth: number;
  /** The longest member name in UTF-8 bytes: a longer key matches nothing. */
  readonly maxNameBytes: number;

  constructor(pointers: readonly string[]) {
    this.pointers = [...pointers];
    this.root = new PointerNode(0);
    let nodeCount = 1;
    let maxDepth = 1;
    let maxNameBytes = 0;
    for (const [index, pointer] of pointers.entries()) {
      if (!POINTER.test(pointer)) throw new TypeError(`not a JSON pointer: ${pointer}`);
      const counts = pointer.endsWith(COUNT_SUFFIX);
      const path = counts ? pointer.slice(0, -COUNT_SUFFIX.length) : pointer;
      const tokens = path.split('/').slice(1).map(unescapeToken);
      maxDepth = Math.max(maxDepth, tokens.length + 1);
      let node = this.root;
      node.covered.push(index);
      for (const token of tokens) {
        let next = node.byName.get(token);
        if (next === undefined) {
          next = new PointerNode(nodeCount++);
          maxNameBytes = Math.max(maxNameBytes, attach(node, token, next));
        }
        node = next;
        node.covered.push(index);
      }
      (counts ? node.counts : node.values).push(index);
      if (counts) node.lastIndex = Number.POSITIVE_INFINITY;
    }
    this.nodeCount = nodeCount;
    this.maxDepth = maxDepth;
    this.maxNameBytes = maxNameBytes;
  }
}

function unescapeToken(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~');
}

/** A token names an object member and, where it looks like one, an array element as well: the document decides. */
function attach(parent: PointerNode, token: string, child: PointerNode): number {
  parent.byName.set(token, child);
  if (ARRAY_INDEX.test(token)) {
    parent.byIndex.set(Number(token), child);
    parent.lastIndex = Math.max(parent.lastIndex, Number(token));
  }
  // A lone surrogate has no UTF-8: only a key that writes it as an escape can name it.
  if (!token.isWellFormed()) return 0;
  const name = Buffer.from(token);
  while (parent.byLength.length <= name.length) parent.byLength.push(undefined);
  const edges = parent.byLength[name.length] ?? [];
  edges.push({ name, node: child });
  parent.byLength[name.length] = edges;
  return name.length;
}
