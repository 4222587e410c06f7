import type { Socket } from 'node:net';
import { endingEvents, httpChunk, LAST_CHUNK, STREAM_HEAD, slowEvent } from './bodies.ts';
import { monotonicMicros } from './monotonic.ts';

const EVENTS_PER_SECOND = 50;

/** Open slow streams: each gets 50 events a second, all spread evenly over time. */
export class SlowStreams {
  private readonly sockets: Socket[] = [];
  private readonly sequences: number[] = [];
  private next = 0;
  private issuedUntilMicros = 0;
  private turn: NodeJS.Immediate | null = null;

  open(socket: Socket): void {
    socket.write(STREAM_HEAD, 'latin1');
    this.sockets.push(socket);
    this.sequences.push(0);
    socket.once('close', () => this.forget(socket));
    if (this.turn !== null) return;
    this.issuedUntilMicros = monotonicMicros();
    this.turn = setImmediate(this.issueDue);
  }

  /** Ends every open stream as a provider does. */
  finishAll(): void {
    const ending = endingEvents('slow').map(httpChunk).join('') + LAST_CHUNK;
    for (const socket of this.sockets) socket.write(ending, 'latin1');
    this.sockets.length = 0;
    this.sequences.length = 0;
    this.rest();
  }

  /**
   * Writes the events that have come due, one a stream, round robin. It runs on every turn of the event loop, without
   * sleeping: a timer would gather a millisecond's events and hide what a gateway adds behind their queue.
   */
  private readonly issueDue = (): void => {
    this.turn = setImmediate(this.issueDue);
    const gapMicros = 1_000_000 / (EVENTS_PER_SECOND * this.sockets.length);
    const due = Math.floor((monotonicMicros() - this.issuedUntilMicros) / gapMicros);
    this.issuedUntilMicros += due * gapMicros;
    for (let i = 0; i < due; i++) {
      if (this.next >= this.sockets.length) this.next = 0;
      const sequence = this.sequences[this.next]!;
      this.sequences[this.next] = sequence + 1;
      const event = slowEvent(monotonicMicros(), sequence);
      this.sockets[this.next]!.write(httpChunk(event), 'latin1');
      this.next++;
    }
  };

  private forget(socket: Socket): void {
    const at = this.sockets.indexOf(socket);
    if (at < 0) return;
    this.sockets.splice(at, 1);
    this.sequences.splice(at, 1);
    if (this.sockets.length === 0) this.rest();
  }

  private rest(): void {
    if (this.turn !== null) clearImmediate(this.turn);
    this.turn = null;
    this.next = 0;
  }
}
