import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { Changes } from '../deadline/index.ts';
import { RecordedRequest } from './recorded-request.ts';
import { RequestReader } from './request-reader.ts';
import type { SelfSigned } from './self-signed.ts';
import { ConnectionGone } from './turn.ts';

/** The peer's end of a connection. */
export interface PeerClose {
  readonly how: 'fin' | 'rst';
  readonly atMs: number;
}

/** What a connection reports to its server. */
export interface ConnectionEvents {
  request(request: RecordedRequest): void;
  bodyEnded(request: RecordedRequest): void;
  fault(message: string): void;
  changed(): void;
}

/** One accepted socket, and the requests that came over it. */
export class UpstreamConnection {
  readonly id: number;
  readonly openedAtMs = performance.now();
  readonly requests: RecordedRequest[] = [];
  readonly changes = new Changes();
  /** Bytes that arrived, heads and framing included. */
  bytesReceived = 0;
  /** Bytes the kernel took from us. */
  bytesFlushed = 0;
  peerClose: PeerClose | null = null;
  /** The socket is gone, whoever ended it. */
  gone = false;
  /** Turns run one after the other. */
  turns: Promise<void> = Promise.resolve();
  /** Body bytes are let through unrecorded: for uploads too big to keep. */
  ignoreBody = false;
  readonly #tcp: Socket;
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;

  constructor(id: number, tcp: Socket, tls: SelfSigned | null, events: ConnectionEvents) {
    this.id = id;
    this.#tcp = tcp;
    this.#events = events;
    this.#socket = tls === null ? tcp : new TLSSocket(tcp, { isServer: true, key: tls.key, cert: tls.cert });
    tcp.setNoDelay(true);
    const reader = new RequestReader({
      head: (head, framing) => this.#open(new RecordedRequest(this, head, framing)),
      body: piece => {
        if (!this.ignoreBody) this.requests.at(-1)!.addBody(Buffer.from(piece));
      },
      end: trailers => {
        const request = this.requests.at(-1)!;
        request.end(trailers);
        this.#events.bodyEnded(request);
      },
    });
    this.#socket.on('data', (data: Buffer) => this.#receive(reader, data));
    this.#socket.on('end', () => this.#peerClosed('fin'));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') this.#peerClosed('rst');
    });
    tcp.on('error', () => {});
    this.#socket.on('close', () => {
      this.gone = true;
      this.#notify();
    });
  }

  #receive(reader: RequestReader, data: Buffer): void {
    this.bytesReceived += data.length;
    try {
      reader.push(data);
    } catch (error) {
      this.#events.fault(`connection ${this.id}: ${(error as Error).message}`);
      this.#socket.destroy();
    }
    this.#notify();
  }

  #open(request: RecordedRequest): void {
    this.requests.push(request);
    this.#events.request(request);
  }

  #peerClosed(how: 'fin' | 'rst'): void {
    this.peerClose ??= { how, atMs: performance.now() };
    this.#notify();
  }

  #notify(): void {
    this.changes.notify();
    for (const request of this.requests) request.changes.notify();
    this.#events.changed();
  }

  /** How and when the peer ended the connection. */
  closed(): Promise<PeerClose> {
    return this.changes.until(() => this.peerClose, `the peer to close connection ${this.id}`);
  }

  /** Resolves when the kernel took the bytes; rejects with ConnectionGone when it never will. */
  write(bytes: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#socket.destroyed || this.#socket.writableEnded) {
        reject(new ConnectionGone());
        return;
      }
      this.#socket.write(bytes, error => {
        if (error) {
          reject(new ConnectionGone());
          return;
        }
        this.bytesFlushed += bytes.length;
        this.#notify();
        resolve();
      });
    });
  }

  /** Closes as a process does: our FIN, then nothing is read any more. */
  fin(): void {
    this.#socket.destroySoon();
  }

  halfClose(): void {
    this.#socket.end();
  }

  /** RST, whatever is unsent is lost. */
  rst(): void {
    if (!this.#tcp.destroyed) this.#tcp.resetAndDestroy();
  }

  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }
}
