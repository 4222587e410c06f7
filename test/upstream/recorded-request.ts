import { Changes } from '../deadline/index.ts';
import { type Fields, fieldValues, type Head } from '../raw/index.ts';
import type { PeerClose, UpstreamConnection } from './connection.ts';

/** A request as its bytes arrived. */
export class RecordedRequest {
  readonly connection: UpstreamConnection;
  readonly head: Head;
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly framing: 'none' | 'length' | 'chunked';
  /** Milliseconds on the monotonic clock. */
  readonly headAtMs: number;
  endAtMs: number | null = null;
  /** A script runs for it or has run. */
  answering = false;
  /** Its script ran to the end. */
  answered = false;
  trailers: Fields = [];
  readonly changes = new Changes();
  readonly #pieces: Buffer[] = [];
  readonly #flushedBefore: number;
  #bodyBytes = 0;

  constructor(connection: UpstreamConnection, head: Head, framing: 'none' | 'length' | 'chunked') {
    const [method = '', target = '', version = ''] = head.startLine.split(' ');
    this.connection = connection;
    this.head = head;
    this.method = method;
    this.target = target;
    this.version = version;
    this.framing = framing;
    this.headAtMs = performance.now();
    this.#flushedBefore = connection.bytesFlushed;
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

  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** The body so far, transfer-chunking undone. */
  get body(): Buffer {
    return Buffer.concat(this.#pieces);
  }

  /** Bytes of the answer that the kernel took: what the peer does not read stays out of it. */
  get answerBytes(): number {
    return this.connection.bytesFlushed - this.#flushedBefore;
  }

  /** The whole body arrived. */
  get complete(): boolean {
    return this.endAtMs !== null;
  }

  addBody(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#bodyBytes += piece.length;
    this.changes.notify();
  }

  end(trailers: Fields): void {
    this.trailers = trailers;
    this.endAtMs = performance.now();
    this.changes.notify();
  }

  /** The whole body, once it is here; rejects when the connection ends before. */
  async wholeBody(): Promise<Buffer> {
    await this.changes.until(() => {
      if (this.complete) return true;
      if (this.connection.peerClose !== null)
        throw new Error(`upload broke off after ${this.#bodyBytes} bytes`);
      return false;
    }, 'the whole request body');
    return this.body;
  }

  /** How and when the peer ended the connection. */
  closed(): Promise<PeerClose> {
    return this.connection.closed();
  }
}
