import { connect, type Socket } from 'node:net';
import { SEQUENCE_DIGITS, STAMP_DIGITS, STAMP_MARK } from '../mock/bodies.ts';
import { monotonicMicros } from '../mock/monotonic.ts';
import { MessageReader } from './message-reader.ts';
import type { LoadOrder } from './orders.ts';

const MARK = Buffer.from(STAMP_MARK);
const DONE = Buffer.from('[DONE]');
const SEQUENCE_AT = MARK.length + STAMP_DIGITS + ' s='.length;
const STAMPED_BYTES = SEQUENCE_AT + SEQUENCE_DIGITS;
const NOTHING = Buffer.alloc(0);
const LF = 10;

export interface StreamListener {
  /** The first event of this stream is here. */
  started(): void;
  /** An event took this long from the mock's write to this read. */
  arrived(delayMs: number): void;
  /** The stream ended as it should (null), or with this problem. Called once. */
  ended(problem: string | null): void;
}

/** One slow stream: times every event and checks that their numbers have no gap. */
export class StreamConnection {
  private readonly listener: StreamListener;
  private readonly reader = new MessageReader(true);
  private readonly socket: Socket;
  private sequence = 0;
  private carried: Buffer = NOTHING;
  private sawDone = false;
  private over = false;

  constructor(order: LoadOrder, readBuffer: Buffer, listener: StreamListener) {
    this.listener = listener;
    this.reader.onBody = this.readBody;
    const onread = { buffer: readBuffer, callback: this.read };
    this.socket = connect({ host: '127.0.0.1', port: order.port, noDelay: true, onread });
    this.socket.on('error', error => this.end(error.message));
    this.socket.on('close', () => this.end('connection closed before the end of the stream'));
    this.socket.write(order.request, 'latin1');
  }

  close(): void {
    this.over = true;
    this.socket.destroy();
  }

  private readonly read = (length: number, buffer: Uint8Array): boolean => {
    try {
      if (this.reader.push(buffer as Buffer, length)) this.end(this.problem());
    } catch (error) {
      this.socket.destroy(error as Error);
    }
    return true;
  };

  private readonly readBody = (buffer: Buffer, start: number, end: number): void => {
    let bytes = buffer.subarray(start, end);
    if (this.carried.length > 0) bytes = Buffer.concat([this.carried, bytes]);
    let at = 0;
    for (;;) {
      const mark = bytes.indexOf(MARK, at);
      if (mark < 0 || mark + STAMPED_BYTES > bytes.length) break;
      this.readEvent(bytes, mark);
      at = mark + STAMPED_BYTES;
    }
    if (bytes.indexOf(DONE, at) >= 0) this.sawDone = true;
    // Events end with a line feed: only a piece that ends otherwise can have cut a stamp in two.
    const whole = bytes[bytes.length - 1] === LF;
    this.carried = whole ? NOTHING : Buffer.from(bytes.subarray(Math.max(at, bytes.length - STAMPED_BYTES)));
  };

  private readEvent(bytes: Buffer, mark: number): void {
    const sentMicros = decimal(bytes, mark + MARK.length, STAMP_DIGITS);
    const sequence = decimal(bytes, mark + SEQUENCE_AT, SEQUENCE_DIGITS);
    if (sequence !== this.sequence) this.end(`event ${sequence} where ${this.sequence} was due`);
    if (sequence === 0) this.listener.started();
    this.sequence = sequence + 1;
    this.listener.arrived((monotonicMicros() - sentMicros) / 1000);
  }

  private problem(): string | null {
    if (this.reader.status !== 200) return `answered ${this.reader.head.replaceAll('\r\n', ' ')}`;
    return this.sawDone ? null : 'ended without its last event';
  }

  private end(problem: string | null): void {
    if (this.over) return;
    this.close();
    this.listener.ended(problem);
  }
}

function decimal(bytes: Buffer, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) value = value * 10 + bytes[i]! - 48;
  return value;
}
