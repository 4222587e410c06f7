import { once } from 'node:events';
import { type IncomingHttpHeaders, type OutgoingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { within } from '../deadline/index.ts';

/** Where a request comes from, and where it goes: a port, or a unix socket, whose peers have no address. */
export interface Place {
  readonly port?: number;
  readonly socketPath?: string;
  /** An address of this machine: all of 127.0.0.0/8, and ::1. */
  readonly from?: string;
}

export interface AskedFrom {
  readonly method?: string;
  readonly target: string;
  /** A list is sent as fields of their own. */
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string;
}

export interface Answered {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

function destination({ port, socketPath, from = '127.0.0.1' }: Place): object {
  if (socketPath !== undefined) return { socketPath };
  return { port, host: from === '::1' ? '::1' : '127.0.0.1', localAddress: from };
}

/** One request on a connection of its own, from that address. */
export function askFrom(place: Place, { target, headers, body, method }: AskedFrom): Promise<Answered> {
  const answered = new Promise<Answered>((resolve, reject) => {
    const sent = request({
      ...destination(place),
      agent: false,
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      path: target,
      headers: { host: '127.0.0.1', ...headers },
    });
    sent.once('error', reject);
    sent.once('response', response => {
      let text = '';
      response.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: text }),
      );
    });
    sent.end(body);
  });
  return within(answered, `the answer to ${target} from ${place.from ?? 'a unix socket'}`);
}

/** A connection that stays open. `served` says whether it is answered, or ended without a word. */
export class Held {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(place: Place): Promise<Held> {
    const socket = connect(destination(place) as { port: number });
    // One too many may be reset before it is even told that it is connected.
    socket.on('error', () => {});
    const begun = new Promise<void>(resolve => {
      socket.once('connect', resolve);
      socket.once('close', () => resolve());
    });
    await within(begun, 'a connection');
    return new Held(socket);
  }

  async served(): Promise<boolean> {
    const socket = this.#socket;
    if (socket.destroyed) return false;
    const isServed = new Promise<boolean>(resolve => {
      socket.once('data', () => resolve(true));
      socket.once('close', () => resolve(false));
    });
    socket.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n');
    return within(isServed, 'an answer, or the end of the connection');
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return;
    const closed = once(this.#socket, 'close');
    this.#socket.destroy();
    await closed;
  }
}
