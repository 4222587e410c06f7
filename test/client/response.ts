import { ChunkedDecoder, type Fields, fieldValues, type Head, parseHead, WireFault } from '../raw/index.ts';
import type { SocketReader } from './socket-reader.ts';

/** How a message ended: whole, cut by RST, cut by FIN, or with framing that is not HTTP. */
export type Ending = 'complete' | 'reset' | 'finEarly' | 'malformed';

/** A response head as its bytes arrived. */
export class ResponseHead {
  readonly head: Head;
  readonly version: string;
  readonly status: number;
  readonly reason: string;

  constructor(raw: Buffer) {
    this.head = parseHead(raw);
    const match = /^(HTTP\/1\.[01]) (\d{3}) ?(.*)$/s.exec(this.head.startLine);
    if (match === null) throw new WireFault(`bad status line ${JSON.stringify(this.head.startLine)}`);
    this.version = match[1]!;
    this.status = Number(match[2]);
    this.reason = match[3]!;
  }

  get fields(): Fields {
    return this.head.fields;
  }

  /** The one value of a field, null where absent. A repeated field is an error: ask `values`. */
  value(name: string): string | null {
    const values = this.values(name);
    if (values.length > 1) throw new Error(`${name} came ${values.length} times`);
    return values[0] ?? null;
  }

  values(name: string): readonly string[] {
    return fieldValues(this.fields, name);
  }

  get informational(): boolean {
    return this.status < 200;
  }
}

export type BodyFraming = 'none' | 'length' | 'chunked' | 'close';

function framingOf(head: ResponseHead, method: string): BodyFraming {
  if (method === 'HEAD' || head.status < 200 || head.status === 204 || head.status === 304) return 'none';
  const codings = head.values('transfer-encoding');
  const lengths = head.values('content-length');
  if (codings.length > 0) {
    if (codings.length > 1 || codings[0] !== 'chunked' || lengths.length > 0)
      throw new WireFault('ambiguous framing');
    return 'chunked';
  }
  if (lengths.length > 1 || (lengths.length === 1 && !/^\d{1,15}$/.test(lengths[0]!))) {
    throw new WireFault(`bad Content-Length ${lengths.join()}`);
  }
  return lengths.length === 1 ? 'length' : 'close';
}

/** Reads one response body off a connection, strictly. */
export class ResponseBody {
  readonly framing: BodyFraming;
  /** Set at the end. */
  ending: Ending | null = null;
  /** What was wrong where `ending` is malformed. */
  fault: string | null = null;
  readonly #reader: SocketReader;
  readonly #decoded: Buffer[] = [];
  readonly #decoder = new ChunkedDecoder(piece => this.#decoded.push(Buffer.from(piece)));
  #left: number;

  constructor(reader: SocketReader, head: ResponseHead, method: string) {
    this.#reader = reader;
    this.framing = framingOf(head, method);
    this.#left = this.framing === 'length' ? Number(head.value('content-length')) : 0;
    if (this.framing === 'none' || (this.framing === 'length' && this.#left === 0)) this.ending = 'complete';
  }

  get trailers(): Fields {
    return this.#decoder.trailers;
  }

  /** Sizes of the transfer chunks so far. */
  get chunkSizes(): readonly number[] {
    return this.#decoder.sizes;
  }

  /** The next body bytes, transfer-chunking undone; null when `ending` is set. */
  async read(): Promise<Buffer | null> {
    while (this.#decoded.length === 0) {
      if (this.ending !== null) return null;
      const wire = await this.#reader.some(this.framing === 'length' ? this.#left : undefined);
      if (wire === null) {
        this.ending =
          this.#reader.end === 'reset' ? 'reset' : this.framing === 'close' ? 'complete' : 'finEarly';
        return null;
      }
      this.#accept(wire);
    }
    return this.#decoded.shift()!;
  }

  #accept(wire: Buffer): void {
    if (this.framing === 'chunked') {
      try {
        this.#reader.unread(this.#decoder.push(wire));
        if (this.#decoder.ended) this.ending = 'complete';
      } catch (error) {
        this.ending = 'malformed';
        this.fault = (error as Error).message;
      }
      return;
    }
    this.#decoded.push(wire);
    if (this.framing === 'length') {
      this.#left -= wire.length;
      if (this.#left === 0) this.ending = 'complete';
    }
  }

  /** Body bytes until there are at least `count` of them; fewer only when the message ends before. */
  async atLeast(count: number): Promise<Buffer> {
    const pieces: Buffer[] = [];
    let length = 0;
    while (length < count) {
      const piece = await this.read();
      if (piece === null) break;
      pieces.push(piece);
      length += piece.length;
    }
    return Buffer.concat(pieces);
  }

  /** Everything up to the end of the message. */
  async all(): Promise<Buffer> {
    return this.atLeast(Number.POSITIVE_INFINITY);
  }
}
