import { connect, type Socket } from 'node:net';
import { MessageReader } from './message-reader.ts';
import type { LoadOrder } from './orders.ts';

/** Every status and length is checked; one body in this many is compared byte by byte. */
const COMPARE_EVERY = 16;

/** Called once per request: null, or what was wrong with the answer. */
export type Answered = (connection: RequestConnection, problem: string | null) => void;

/** One keep-alive connection that asks the same thing again and again, one request at a time. */
export class RequestConnection {
  /** When the caller counts the request as sent, from `performance.now()`; the caller sets it. */
  sentAt = 0;
  private readonly port: number;
  private readonly request: Buffer;
  private readonly expected: Buffer;
  private readonly answered: Answered;
  private readonly readBuffer: Buffer;
  private readonly body: Buffer;
  private bodyAt = 0;
  private asked = 0;
  private waiting = false;
  private closed = false;
  private reader = new MessageReader(true);
  private socket: Socket | null = null;

  /** `readBuffer` is read into by every connection in turn. */
  constructor(order: LoadOrder, readBuffer: Buffer, answered: Answered) {
    this.port = order.port;
    this.request = Buffer.from(order.request, 'latin1');
    this.expected = Buffer.from(order.expectedBody, 'latin1');
    this.body = Buffer.alloc(this.expected.length);
    this.readBuffer = readBuffer;
    this.answered = answered;
  }

  send(): void {
    this.waiting = true;
    this.asked++;
    this.bodyAt = 0;
    this.reader.onBody = this.asked % COMPARE_EVERY === 0 ? this.keepBody : null;
    this.socket ??= this.open();
    this.socket.write(this.request);
  }

  close(): void {
    this.closed = true;
    this.socket?.destroy();
  }

  private open(): Socket {
    this.reader = new MessageReader(true);
    if (this.asked % COMPARE_EVERY === 0) this.reader.onBody = this.keepBody;
    const onread = { buffer: this.readBuffer, callback: this.read };
    const socket = connect({ host: '127.0.0.1', port: this.port, noDelay: true, onread });
    socket.on('error', error => this.lost(socket, error.message));
    socket.on('close', () => this.lost(socket, 'connection closed before the end of the answer'));
    return socket;
  }

  private readonly read = (length: number, buffer: Uint8Array): boolean => {
    let ended = false;
    try {
      ended = this.reader.push(buffer as Buffer, length);
    } catch (error) {
      this.socket?.destroy(error as Error);
    }
    if (ended && this.waiting) {
      this.waiting = false;
      const problem = this.problem();
      if (this.reader.closes) this.drop();
      this.answered(this, problem);
    }
    return true;
  };

  private readonly keepBody = (buffer: Buffer, start: number, end: number): void => {
    buffer.copy(this.body, this.bodyAt, start, end);
    this.bodyAt += end - start;
  };

  private problem(): string | null {
    if (this.reader.status !== 200) return `answered ${this.reader.head.replaceAll('\r\n', ' ')}`;
    if (this.reader.bodyBytes !== this.expected.length) return `body of ${this.reader.bodyBytes} bytes`;
    if (this.reader.onBody !== null && !this.body.equals(this.expected)) return 'body differs';
    return null;
  }

  /** A server may say that an answer was the last on its connection. */
  private drop(): void {
    const socket = this.socket;
    this.socket = null;
    socket?.destroy();
  }

  /** A server may close an idle connection; the next request opens another. */
  private lost(socket: Socket, reason: string): void {
    if (socket !== this.socket || this.closed) return;
    this.socket = null;
    if (!this.waiting) return;
    this.waiting = false;
    this.answered(this, reason);
  }
}
