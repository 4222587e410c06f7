import { HeldDocuments } from './held-documents.ts';
import { COLON, LINE_FEED, OPEN_BRACE, OPEN_BRACKET, SPACE } from './json-bytes.ts';
import { JsonScanner } from './json-scanner.ts';
import type { PointerSet } from './pointer-set.ts';

/** Takes what a body says. */
export interface BodySink {
  /** `values` is used again: valid during the call only. `event` is null where the event has no name. */
  document(values: readonly unknown[], event: string | null): void;
  /** An SSE event whose data is not JSON, such as `[DONE]`: its first 64 bytes. */
  text(data: string): void;
}

const CARRIAGE_RETURN = 0x0d;
const CAPITAL_D = 0x44;
const TEXT_BYTES = 64;
const NAME_BYTES = 128;
const LINE_FEED_TEXT = Buffer.from('\n');
const OPEN_BRACKET_TEXT = Buffer.from('[');
const DATA = Buffer.from('data');
const EVENT = Buffer.from('event');

/** The part of a line being read. */
const IN_FIELD = 0;
const IN_DATA = 1;
const IN_EVENT = 2;
const IN_IGNORED = 3;

/** What the data of the event turned out to be. */
const NO_DATA = 0;
const UNDECIDED = 1;
/** A `[` that may begin an array or `[DONE]`. */
const BRACKET = 2;
const JSON_DATA = 3;
const TEXT_DATA = 4;
/** JSON that turned out malformed: the next event is another matter. */
const LOST = 5;

/**
 * Reads server-sent events in any split, as the WHATWG HTML standard (§9.2.6)
 * parses them, without keeping them: data goes straight to a JSON scanner, and
 * its documents are given when the event ends, for only then is the event's
 * name known. The last event is also taken without its blank line, if its
 * document is complete: some servers close right after it.
 */
export class SseScanner {
  readonly #sink: BodySink;
  readonly #held: HeldDocuments;
  readonly #json: JsonScanner;
  #line = IN_FIELD;
  readonly #field = Buffer.alloc(EVENT.length);
  #fieldBytes = 0;
  /** The value's first byte is to come: one space there is not part of it. */
  #atValue = false;
  #afterReturn = false;
  #data = NO_DATA;
  readonly #text = Buffer.alloc(TEXT_BYTES);
  #textBytes = 0;
  readonly #name = Buffer.alloc(NAME_BYTES);
  #nameBytes = 0;
  #event: string | null = null;
  /** The name of an event before: they repeat. */
  #lastName = '';

  constructor(pointers: PointerSet, sink: BodySink) {
    this.#sink = sink;
    this.#held = new HeldDocuments(pointers.pointers.length);
    this.#json = new JsonScanner(pointers, this.#held, { unrollRootArray: true });
  }

  write(chunk: Buffer, start = 0, end = chunk.length): void {
    let at = start;
    if (this.#afterReturn && at < end) {
      this.#afterReturn = false;
      if (chunk[at] === LINE_FEED) at++;
    }
    let feedAt = -1;
    let returnAt = -1;
    while (at < end) {
      if (feedAt < at) feedAt = next(LINE_FEED, chunk, at, end);
      if (returnAt < at) returnAt = next(CARRIAGE_RETURN, chunk, at, end);
      const stop = Math.min(feedAt, returnAt);
      this.#part(chunk, at, stop);
      if (stop === end) return;
      this.#lineEnds();
      at = stop + 1;
      if (stop === returnAt) {
        if (at === end) this.#afterReturn = true;
        else if (chunk[at] === LINE_FEED) at++;
      }
    }
  }

  /** The body is over. A line that is not complete counts if it is data. Always true, for no bytes are malformed here. */
  end(): boolean {
    this.#dispatch();
    return true;
  }

  #part(chunk: Buffer, at: number, stop: number): void {
    if (this.#line === IN_FIELD) {
      at = this.#fieldPart(chunk, at, stop);
    }
    if (at === stop || this.#line === IN_IGNORED) return;
    if (this.#atValue) {
      this.#atValue = false;
      if (chunk[at] === 0x20 && ++at === stop) return;
    }
    if (this.#line === IN_DATA) this.#dataPart(chunk, at, stop);
    else this.#namePart(chunk, at, stop);
  }

  /** Reads up to the colon; the index after it, or `stop`. */
  #fieldPart(chunk: Buffer, at: number, stop: number): number {
    if (this.#fieldBytes === 0 && isDataField(chunk, at, stop)) {
      this.#dataOpens();
      return at + DATA.length + 1;
    }
    for (; at < stop; at++) {
      const byte = chunk[at]!;
      if (byte === COLON) {
        this.#fieldOpens();
        return at + 1;
      }
      if (this.#fieldBytes === EVENT.length) {
        this.#line = IN_IGNORED;
        return stop;
      }
      this.#field[this.#fieldBytes++] = byte;
    }
    return stop;
  }

  /** The field's name is complete, its value begins. */
  #fieldOpens(): void {
    if (this.#isField(DATA)) {
      this.#dataOpens();
    } else if (this.#isField(EVENT)) {
      this.#line = IN_EVENT;
      this.#atValue = true;
      this.#nameBytes = 0;
    } else {
      this.#line = IN_IGNORED;
    }
  }

  #isField(name: Buffer): boolean {
    return (
      this.#fieldBytes === name.length && this.#field.compare(name, 0, name.length, 0, name.length) === 0
    );
  }

  #lineEnds(): void {
    if (this.#line === IN_FIELD) {
      if (this.#fieldBytes === 0) {
        this.#dispatch();
        return;
      }
      // A name without a colon is a field with an empty value.
      this.#fieldOpens();
    }
    if (this.#line === IN_EVENT) this.#nameEnds();
    this.#line = IN_FIELD;
    this.#fieldBytes = 0;
  }

  #namePart(chunk: Buffer, at: number, stop: number): void {
    const end = Math.min(stop, at + NAME_BYTES - this.#nameBytes);
    while (at < end) this.#name[this.#nameBytes++] = chunk[at++]!;
  }

  #nameEnds(): void {
    const name = this.#lastName;
    let k = name.length === this.#nameBytes ? 0 : -1;
    while (k >= 0 && k < name.length) k = this.#name[k] === name.charCodeAt(k) ? k + 1 : -1;
    if (k < 0) this.#lastName = this.#name.toString('utf8', 0, this.#nameBytes);
    this.#event = this.#nameBytes === 0 ? null : this.#lastName;
  }

  #dataOpens(): void {
    this.#line = IN_DATA;
    this.#atValue = true;
    if (this.#data === NO_DATA) this.#data = UNDECIDED;
    else this.#dataPart(LINE_FEED_TEXT, 0, 1);
  }

  #dataPart(chunk: Buffer, at: number, stop: number): void {
    if (this.#data < JSON_DATA) at = this.#decide(chunk, at, stop);
    if (this.#data === JSON_DATA) {
      this.#json.write(chunk, at, stop);
      if (this.#json.broken) this.#data = LOST;
    } else if (this.#data === TEXT_DATA) {
      this.#keepText(chunk, at, stop);
    }
  }

  /** Looks for what the data begins with; the index from which it is to be read. */
  #decide(chunk: Buffer, at: number, stop: number): number {
    for (; at < stop; at++) {
      const byte = chunk[at]!;
      if (this.#data === BRACKET) {
        if (byte === CAPITAL_D) {
          this.#data = TEXT_DATA;
          this.#keepText(OPEN_BRACKET_TEXT, 0, 1);
        } else {
          this.#data = JSON_DATA;
          this.#json.write(OPEN_BRACKET_TEXT);
        }
        return at;
      }
      if (byte === OPEN_BRACKET) this.#data = BRACKET;
      else if (byte === OPEN_BRACE) this.#data = JSON_DATA;
      else if (SPACE[byte] === 1) this.#keepText(chunk, at, at + 1);
      else this.#data = TEXT_DATA;
      if (this.#data >= JSON_DATA) return at;
    }
    return stop;
  }

  #keepText(chunk: Buffer, at: number, stop: number): void {
    const end = Math.min(stop, at + TEXT_BYTES - this.#textBytes);
    chunk.copy(this.#text, this.#textBytes, at, end);
    this.#textBytes += end - at;
  }

  #dispatch(): void {
    if (this.#data === UNDECIDED || this.#data === TEXT_DATA) {
      this.#sink.text(this.#text.toString('utf8', 0, this.#textBytes));
    } else if (this.#data >= JSON_DATA) {
      this.#json.endDocument();
      if (this.#json.broken) this.#json.reset();
      this.#held.release(this.#sink, this.#event);
    }
    this.#data = NO_DATA;
    this.#textBytes = 0;
    this.#event = null;
  }
}

function next(byte: number, chunk: Buffer, at: number, end: number): number {
  const found = chunk.indexOf(byte, at);
  return found === -1 || found > end ? end : found;
}

/** Whether a line begins with `data:` here: nearly every line does. */
function isDataField(chunk: Buffer, at: number, stop: number): boolean {
  return (
    stop - at > 4 &&
    chunk[at] === 0x64 &&
    chunk[at + 1] === 0x61 &&
    chunk[at + 2] === 0x74 &&
    chunk[at + 3] === 0x61 &&
    chunk[at + 4] === COLON
  );
}
