import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { within } from '../deadline/index.ts';
import { type Bytes, bytes } from '../raw/index.ts';
import { ResponseBody, ResponseHead } from './response.ts';
import { SocketReader } from './socket-reader.ts';

/** A loopback port, a unix socket path, or a TLS port whose certificate is not checked. */
export type RawClientTarget = number | string | { readonly tlsPort: number };

/** A client that sends exactly the bytes it is given and reads exactly what comes back. */
export class RawClient {
  readonly reader: SocketReader;
  readonly #tcp: Socket;
  readonly #socket: Socket;

  private constructor(tcp: Socket, socket: Socket) {
    this.#tcp = tcp;
    this.#socket = socket;
    this.reader = new SocketReader(socket);
  }

  static async connect(target: RawClientTarget): Promise<RawClient> {
    const tcp =
      typeof target === 'string'
        ? connect({ path: target, allowHalfOpen: true })
        : connect({
            port: typeof target === 'number' ? target : target.tlsPort,
            host: '127.0.0.1',
            allowHalfOpen: true,
          });
    tcp.setNoDelay(true);
    await within(once(tcp, 'connect'), 'the connection');
    if (typeof target !== 'object') return new RawClient(tcp, tcp);
    const socket = connectTls({ socket: tcp, rejectUnauthorized: false });
    await within(once(socket, 'secureConnect'), 'the TLS handshake');
    return new RawClient(tcp, socket);
  }

  /** Resolves when the kernel took the bytes: true, or false when the connection was gone before. */
  send(data: Bytes): Promise<boolean> {
    return new Promise(resolve => {
      if (this.#socket.destroyed || this.#socket.writableEnded) resolve(false);
      else this.#socket.write(bytes(data), error => resolve(!error));
    });
  }

  /** The next head, interim ones included; null when the connection ends before it. */
  async readHead(): Promise<ResponseHead | null> {
    const raw = await this.reader.until('\r\n\r\n');
    return raw === null ? null : new ResponseHead(raw);
  }

  /** The next head; an error when there is none. */
  async expectHead(): Promise<ResponseHead> {
    const head = await this.readHead();
    if (head === null) throw new Error(`no response head: the connection ended (${this.reader.end})`);
    return head;
  }

  /** The body that belongs to a head, to be read as a test likes. */
  body(head: ResponseHead, method = 'POST'): ResponseBody {
    return new ResponseBody(this.reader, head, method);
  }

  /** Half-close: our FIN, and reading goes on. */
  end(): void {
    this.#socket.end();
  }

  /** Closes both ways. */
  destroy(): void {
    this.#socket.destroy();
  }

  /** RST. */
  reset(): void {
    if (!this.#tcp.destroyed) this.#tcp.resetAndDestroy();
  }

  /** Stops reading, so that the peer feels backpressure. */
  pauseReading(): void {
    this.#socket.pause();
  }

  resumeReading(): void {
    this.#socket.resume();
  }

  /** How the peer ended the connection. */
  ended(): Promise<'fin' | 'reset'> {
    return this.reader.ended();
  }
}
