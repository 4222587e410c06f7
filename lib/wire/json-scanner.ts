import {
  CLOSE_BRACE,
  CLOSE_BRACKET,
  COLON,
  COMMA,
  LINE_FEED,
  OPEN_BRACE,
  OPEN_BRACKET,
  QUOTE,
  SCALAR,
  SCALAR_START,
  SPACE,
} from './json-bytes.ts';
import { JsonCandidates } from './json-candidates.ts';
import { JsonKeyRun } from './json-key-run.ts';
import { JsonSkipRun } from './json-skip-run.ts';
import { JsonStringRun } from './json-string-run.ts';
import type { PointerNode, PointerSet } from './pointer-set.ts';

export interface JsonSink {
  /** `values[i]` is the parsed value at pointer i, undefined where absent. The array is used again: valid during the call only. */
  document(values: readonly unknown[]): void;
}

export interface JsonScannerOptions {
  /** Each element of a root array is a document of its own, given as soon as it is complete. */
  readonly unrollRootArray?: boolean;
  /** Most bytes of wanted values per document; more are dropped. 64 KiB unless told. */
  readonly candidateBytes?: number;
}

export const CANDIDATE_BYTES = 64 * 1024;

const EMPTY = Buffer.alloc(0);
const BOM = [0xef, 0xbb, 0xbf];

/** What the scanner expects or is inside of. */
const AT_BOM = 0;
const AT_ROOT = 1;
const AT_FIRST_ITEM = 2;
const AT_ITEM = 3;
const AFTER_ITEM = 4;
const AT_FIRST_ELEMENT = 5;
const AT_FIRST_KEY = 6;
const AT_KEY = 7;
const AT_COLON = 8;
const AT_VALUE = 9;
const AFTER_VALUE = 10;
const IN_KEY = 11;
const IN_STRING = 12;
const IN_SCALAR = 13;
const IN_SKIPPED = 14;
const IN_SKIPPED_STRING = 15;
/** After malformed text: passing over it up to a line that begins a container. */
const LOST = 16;
const LOST_AT_LINE = 17;

/**
 * Reads JSON texts that follow one another in any split and gives of each the
 * values at some pointers, in constant memory: everything else is passed over
 * without being kept, containers by counting brackets only. So text that is
 * passed over is checked for its strings and its balance, text on the way to a
 * pointer for its grammar, and wanted values in full. After malformed text the
 * next line that begins with `{` or `[` is read again.
 */
export class JsonScanner {
  readonly #sink: JsonSink;
  readonly #root: PointerNode;
  readonly #unroll: boolean;
  readonly #candidates: JsonCandidates;
  readonly #seen: Uint8Array;
  readonly #key: JsonKeyRun;
  readonly #text = new JsonStringRun();
  readonly #skipped = new JsonSkipRun();
  #state = AT_BOM;
  #bomBytes = 0;
  #inRootArray = false;
  /** Containers on the way to a pointer: their node, and elements begun so far, -1 for an object. */
  readonly #frameNode: PointerNode[] = [];
  readonly #frameCount: number[] = [];
  #depth = 0;
  /** Where the value to come belongs, null for nowhere. */
  #next: PointerNode | null = null;
  #broken = false;
  #overflowed = false;

  constructor(pointers: PointerSet, sink: JsonSink, options: JsonScannerOptions = {}) {
    this.#sink = sink;
    this.#root = pointers.root;
    this.#unroll = options.unrollRootArray ?? false;
    const limitBytes = options.candidateBytes ?? CANDIDATE_BYTES;
    this.#candidates = new JsonCandidates(pointers.pointers.length, pointers.nodeCount, limitBytes);
    this.#seen = new Uint8Array(pointers.nodeCount);
    this.#key = new JsonKeyRun(pointers.maxNameBytes);
  }

  /** Malformed text was met since the start or the last reset. */
  get broken(): boolean {
    return this.#broken;
  }

  /** A document given since the start or the last reset lacks a value that exceeded `candidateBytes`. */
  get overflowed(): boolean {
    return this.#overflowed;
  }

  write(chunk: Buffer, start = 0, end = chunk.length): void {
    const candidates = this.#candidates;
    if (candidates.level >= 0) candidates.resume(start);
    this.#text.part();
    this.#skipped.part();
    let at = start;
    while (at < end) {
      switch (this.#state) {
        case IN_KEY:
          at = this.#inKey(chunk, at, end);
          break;
        case IN_STRING:
        case IN_SKIPPED_STRING:
          at = this.#inString(chunk, at, end);
          break;
        case IN_SCALAR:
          while (at < end && SCALAR[chunk[at]!] === 1) at++;
          if (at < end) at = this.#ended(chunk, at);
          break;
        case IN_SKIPPED:
          at = this.#inSkipped(chunk, at, end);
          break;
        case LOST:
          at = this.#lost(chunk, at, end);
          break;
        default:
          at = this.#structure(chunk, at);
      }
    }
    if (candidates.level >= 0) candidates.hold(chunk, end);
  }

  /** The text is over. What is not complete by now is discarded: half an object is no truth. */
  endDocument(): void {
    // Only the end tells that a number at the root is complete.
    if (this.#state === IN_SCALAR && this.#depth === 0 && !this.#inRootArray) {
      this.#candidates.resume(0);
      this.#ended(EMPTY, 0);
    }
    this.#discard();
    this.#state = AT_ROOT;
  }

  reset(): void {
    this.#discard();
    this.#state = AT_BOM;
    this.#bomBytes = 0;
    this.#broken = false;
    this.#overflowed = false;
  }

  #discard(): void {
    this.#clear();
    this.#depth = 0;
    this.#inRootArray = false;
    this.#text.reset();
  }

  #clear(): void {
    this.#candidates.clear();
    // So few that a loop beats fill().
    for (let i = 0; i < this.#seen.length; i++) this.#seen[i] = 0;
  }

  #break(at: number): number {
    this.#discard();
    this.#broken = true;
    this.#state = LOST;
    return at;
  }

  #structure(chunk: Buffer, at: number): number {
    const byte = chunk[at]!;
    if (SPACE[byte] === 1 && this.#state < LOST_AT_LINE) return at + 1;
    switch (this.#state) {
      case AT_FIRST_KEY:
        if (byte === CLOSE_BRACE) return this.#close(chunk, at + 1);
        return this.#keyOpens(byte, at);
      case AT_KEY:
        return this.#keyOpens(byte, at);
      case AT_COLON:
        if (byte !== COLON) return this.#break(at);
        this.#state = AT_VALUE;
        return at + 1;
      case AT_VALUE:
        return this.#value(byte, at);
      case AFTER_VALUE:
        return this.#afterValue(chunk, byte, at);
      case AT_FIRST_ELEMENT:
        if (byte === CLOSE_BRACKET) return this.#close(chunk, at + 1);
        this.#nextElement();
        return this.#value(byte, at);
      default:
        return this.#outside(byte, at);
    }
  }

  /** Outside any document. */
  #outside(byte: number, at: number): number {
    switch (this.#state) {
      case AT_BOM:
        if (byte === BOM[this.#bomBytes]) {
          if (++this.#bomBytes === BOM.length) this.#state = AT_ROOT;
          return at + 1;
        }
        this.#state = AT_ROOT;
        return this.#bomBytes === 0 ? at : this.#break(at);
      case AFTER_ITEM:
        if (byte === COMMA) this.#state = AT_ITEM;
        else if (byte === CLOSE_BRACKET) this.#endRootArray();
        else return this.#break(at);
        return at + 1;
      case AT_FIRST_ITEM:
        if (byte !== CLOSE_BRACKET) break;
        this.#endRootArray();
        return at + 1;
      case LOST_AT_LINE:
        this.#state = byte === OPEN_BRACE || byte === OPEN_BRACKET ? AT_ROOT : LOST;
        return at;
      case AT_ROOT:
        if (byte !== OPEN_BRACKET || !this.#unroll) break;
        this.#inRootArray = true;
        this.#state = AT_FIRST_ITEM;
        return at + 1;
    }
    this.#next = this.#root;
    return this.#value(byte, at);
  }

  #endRootArray(): void {
    this.#inRootArray = false;
    this.#state = AT_ROOT;
  }

  #inKey(chunk: Buffer, at: number, end: number): number {
    const next = this.#key.read(this.#frameNode[this.#depth - 1]!, chunk, at, end);
    if (next < 0) return this.#break(at);
    if (next > end) return end;
    this.#next = this.#key.found;
    this.#state = AT_COLON;
    return next;
  }

  #inString(chunk: Buffer, at: number, end: number): number {
    const stop = this.#text.stop(chunk, at, end);
    if (stop === end) return end;
    if (chunk[stop] !== QUOTE) return this.#break(stop);
    if (this.#state === IN_STRING) return this.#ended(chunk, stop + 1);
    this.#state = IN_SKIPPED;
    return stop + 1;
  }

  #inSkipped(chunk: Buffer, at: number, end: number): number {
    const stop = this.#skipped.stop(chunk, at, end);
    if (stop === end) return end;
    if (chunk[stop] !== QUOTE) return this.#ended(chunk, stop + 1);
    this.#state = IN_SKIPPED_STRING;
    return stop + 1;
  }

  #lost(chunk: Buffer, at: number, end: number): number {
    const lineFeedAt = chunk.indexOf(LINE_FEED, at);
    if (lineFeedAt === -1 || lineFeedAt >= end) return end;
    this.#state = LOST_AT_LINE;
    return lineFeedAt + 1;
  }

  #keyOpens(byte: number, at: number): number {
    if (byte !== QUOTE) return this.#break(at);
    this.#state = IN_KEY;
    this.#key.open();
    return at + 1;
  }

  #value(byte: number, at: number): number {
    const node = this.#next;
    if (node !== null) {
      if (this.#seen[node.id] === 1) this.#candidates.forget(node);
      this.#seen[node.id] = 1;
      if (node.values.length > 0) this.#candidates.begin(node, this.#depth, at);
    }
    if (byte === QUOTE) {
      this.#state = IN_STRING;
    } else if (SCALAR_START[byte] === 1) {
      this.#state = IN_SCALAR;
    } else if (byte === OPEN_BRACE) {
      if (node !== null && node.byName.size > 0) this.#open(node, -1, AT_FIRST_KEY);
      else this.#skip();
    } else if (byte === OPEN_BRACKET) {
      if (node !== null && node.lastIndex >= 0) this.#open(node, 0, AT_FIRST_ELEMENT);
      else this.#skip();
    } else {
      return this.#break(at);
    }
    return at + 1;
  }

  #open(node: PointerNode, count: number, state: number): void {
    this.#frameNode[this.#depth] = node;
    this.#frameCount[this.#depth] = count;
    this.#depth++;
    this.#state = state;
  }

  #skip(): void {
    this.#state = IN_SKIPPED;
    this.#skipped.open();
  }

  #nextElement(): void {
    const d = this.#depth - 1;
    this.#next = this.#frameNode[d]!.byIndex.get(this.#frameCount[d]!) ?? null;
    this.#frameCount[d]!++;
  }

  #afterValue(chunk: Buffer, byte: number, at: number): number {
    const d = this.#depth - 1;
    const isArray = this.#frameCount[d]! >= 0;
    if (byte === (isArray ? CLOSE_BRACKET : CLOSE_BRACE)) return this.#close(chunk, at + 1);
    if (byte !== COMMA) return this.#break(at);
    if (!isArray) {
      this.#state = AT_KEY;
    } else if (this.#frameCount[d]! > this.#frameNode[d]!.lastIndex) {
      this.#depth = d;
      this.#skip();
    } else {
      this.#nextElement();
      this.#state = AT_VALUE;
    }
    return at + 1;
  }

  #close(chunk: Buffer, at: number): number {
    const d = --this.#depth;
    const count = this.#frameCount[d]!;
    if (count >= 0) {
      for (const index of this.#frameNode[d]!.counts) this.#candidates.values[index] = count;
    }
    return this.#ended(chunk, at);
  }

  /** The value at the current depth ended before `at`. */
  #ended(chunk: Buffer, at: number): number {
    if (this.#candidates.level === this.#depth && !this.#candidates.end(chunk, at)) return this.#break(at);
    if (this.#depth > 0) {
      this.#state = AFTER_VALUE;
      return at;
    }
    this.#state = this.#inRootArray ? AFTER_ITEM : AT_ROOT;
    if (this.#candidates.dropped) this.#overflowed = true;
    this.#sink.document(this.#candidates.values);
    this.#clear();
    return at;
  }
}
