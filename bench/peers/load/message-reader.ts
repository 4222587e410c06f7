/** The least HTTP/1.1 reader that frames honestly: Content-Length and chunked, any splitting, no pipelining. */

const State = { head: 0, length: 1, chunkSize: 2, chunkData: 3, chunkEnd: 4, trailer: 5 } as const;
const CR = 13;
const LF = 10;
const HEAD_END = Buffer.from('\r\n\r\n');
const MAX_HEAD_BYTES = 16_384;

/** Takes a run of decoded body bytes: `buffer[start, end)`, valid only during the call. */
export type BodySink = (buffer: Buffer, start: number, end: number) => void;

export class MessageReader {
  /** The head of the message being read, without its last blank line. */
  head = '';
  /** Decoded body bytes of the message being read. */
  bodyBytes = 0;
  /** Set by the owner to see the body; null skips it. */
  onBody: BodySink | null = null;
  private readonly mustStateLength: boolean;
  private state: number = State.head;
  private pendingHead: Buffer | null = null;
  private remaining = 0;
  private lineBytes = 0;
  private done = false;

  /** `mustStateLength`: a message without a length is an error (a response), not empty (a request). */
  constructor(mustStateLength: boolean) {
    this.mustStateLength = mustStateLength;
  }

  /** The status of the response being read. */
  get status(): number {
    return Number(this.head.slice(9, 12));
  }

  /** True if the sender ends the connection after this message. */
  get closes(): boolean {
    return /\r\nconnection:[ \t]*close[ \t]*\r/i.test(this.head);
  }

  /**
   * Reads `buffer[0, length)`. True when the message ended with the last of these bytes.
   * Throws on bad framing and on bytes after the end.
   */
  push(buffer: Buffer, length: number): boolean {
    let at = 0;
    this.done = false;
    while (at < length) {
      if (this.done) throw new Error('bytes after the end of the message');
      at = this.step(buffer, at, length);
    }
    return this.done;
  }

  private step(buffer: Buffer, at: number, length: number): number {
    switch (this.state) {
      case State.head:
        return this.readHead(buffer, at, length);
      case State.length:
      case State.chunkData:
        return this.readData(buffer, at, length);
      case State.chunkSize:
        return this.readChunkSize(buffer, at, length);
      case State.chunkEnd:
        return this.readChunkEnd(buffer, at);
      default:
        return this.readTrailer(buffer, at, length);
    }
  }

  private readHead(buffer: Buffer, at: number, length: number): number {
    const part = buffer.subarray(at, length);
    const held = this.pendingHead;
    const whole = held === null ? part : Buffer.concat([held, part]);
    const end = whole.indexOf(HEAD_END);
    if (end < 0) {
      if (whole.length > MAX_HEAD_BYTES) throw new Error('head too long');
      this.pendingHead = Buffer.from(whole);
      return length;
    }
    this.pendingHead = null;
    this.startMessage(whole.toString('latin1', 0, end + 2));
    return at + end + HEAD_END.length - (held === null ? 0 : held.length);
  }

  private startMessage(head: string): void {
    this.head = head;
    this.bodyBytes = 0;
    if (/\r\ntransfer-encoding:[ \t]*chunked[ \t]*\r/i.test(head)) {
      this.enter(State.chunkSize);
      return;
    }
    const stated = /\r\ncontent-length:[ \t]*(\d+)[ \t]*\r/i.exec(head)?.[1];
    if (stated === undefined && this.mustStateLength) throw new Error(`no framing: ${head}`);
    this.remaining = Number(stated ?? 0);
    if (this.remaining === 0) this.finish();
    else this.state = State.length;
  }

  private readData(buffer: Buffer, at: number, length: number): number {
    const end = Math.min(length, at + this.remaining);
    this.bodyBytes += end - at;
    this.remaining -= end - at;
    if (this.onBody !== null) this.onBody(buffer, at, end);
    if (this.remaining === 0) {
      if (this.state === State.length) this.finish();
      else this.enter(State.chunkEnd);
    }
    return end;
  }

  private readChunkSize(buffer: Buffer, at: number, length: number): number {
    for (let i = at; i < length; i++) {
      const byte = buffer[i]!;
      if (byte === LF) {
        this.enter(this.remaining === 0 ? State.trailer : State.chunkData);
        return i + 1;
      }
      if (byte === CR) continue;
      const digit = hexDigit(byte);
      if (digit < 0) throw new Error('bad chunk size');
      this.remaining = this.remaining * 16 + digit;
    }
    return length;
  }

  private readChunkEnd(buffer: Buffer, at: number): number {
    const byte = buffer[at]!;
    if (byte !== CR && byte !== LF) throw new Error('bad chunk end');
    if (byte === LF) this.enter(State.chunkSize);
    return at + 1;
  }

  private readTrailer(buffer: Buffer, at: number, length: number): number {
    for (let i = at; i < length; i++) {
      const byte = buffer[i]!;
      if (byte === LF && this.lineBytes === 0) {
        this.finish();
        return i + 1;
      }
      if (byte === LF) this.lineBytes = 0;
      else if (byte !== CR) this.lineBytes++;
    }
    return length;
  }

  private enter(state: number): void {
    this.state = state;
    this.lineBytes = 0;
    if (state === State.chunkSize) this.remaining = 0;
  }

  private finish(): void {
    this.state = State.head;
    this.done = true;
  }
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}
