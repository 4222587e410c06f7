import { ChunkedDecoder, type Fields, fieldValues, type Head, parseHead, WireFault } from '../raw/index.ts';

export type Framing = 'none' | 'length' | 'chunked';

/** What a reader tells of the requests on a connection. */
export interface RequestEvents {
  head(head: Head, framing: Framing): void;
  body(piece: Buffer): void;
  end(trailers: Fields): void;
}

const MAX_HEAD_BYTES = 256 * 1024;
const START_LINE = /^[A-Z]+ \S+ HTTP\/1\.[01]$/;

/** Reads requests off a connection, one after the other. Strict, so that what a gateway sends is judged. */
export class RequestReader {
  readonly #events: RequestEvents;
  #held = Buffer.alloc(0);
  #left = 0;
  #decoder: ChunkedDecoder | null = null;

  constructor(events: RequestEvents) {
    this.#events = events;
  }

  /** Takes what arrived. Throws WireFault where it is not a well-framed HTTP/1 request. */
  push(input: Buffer): void {
    let rest = input;
    while (rest.length > 0) rest = this.#step(rest);
  }

  #step(input: Buffer): Buffer {
    if (this.#decoder !== null) {
      const rest = this.#decoder.push(input);
      if (this.#decoder.ended) {
        const { trailers } = this.#decoder;
        this.#decoder = null;
        this.#events.end(trailers);
      }
      return rest;
    }
    if (this.#left > 0) {
      const piece = input.subarray(0, this.#left);
      this.#left -= piece.length;
      this.#events.body(piece);
      if (this.#left === 0) this.#events.end([]);
      return input.subarray(piece.length);
    }
    return this.#takeHead(input);
  }

  #takeHead(input: Buffer): Buffer {
    const held = this.#held.length === 0 ? input : Buffer.concat([this.#held, input]);
    const blank = held.indexOf('\r\n\r\n');
    if (blank === -1) {
      if (held.length > MAX_HEAD_BYTES) throw new WireFault('request head too long');
      this.#held = Buffer.from(held);
      return Buffer.alloc(0);
    }
    this.#held = Buffer.alloc(0);
    const head = parseHead(Buffer.from(held.subarray(0, blank + 4)));
    if (!START_LINE.test(head.startLine))
      throw new WireFault(`bad request line ${JSON.stringify(head.startLine)}`);
    this.#startBody(head);
    return held.subarray(blank + 4);
  }

  #startBody(head: Head): void {
    const lengths = fieldValues(head.fields, 'content-length');
    const codings = fieldValues(head.fields, 'transfer-encoding');
    if (codings.length > 0) {
      if (codings.length > 1 || codings[0] !== 'chunked' || lengths.length > 0)
        throw new WireFault('ambiguous framing');
      this.#events.head(head, 'chunked');
      this.#decoder = new ChunkedDecoder(piece => this.#events.body(piece));
      return;
    }
    if (lengths.length > 1 || (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0]!))) {
      throw new WireFault(`bad Content-Length ${lengths.join()}`);
    }
    this.#left = Number(lengths[0] ?? 0);
    this.#events.head(head, lengths.length === 0 ? 'none' : 'length');
    if (this.#left === 0) this.#events.end([]);
  }
}
