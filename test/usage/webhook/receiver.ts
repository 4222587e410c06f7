import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';
import { Changes } from '../../deadline/index.ts';

/** One message as it came. */
export interface Posted {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export type Respond = (response: ServerResponse, posted: Posted) => void;

/** An HTTP server that keeps what it was sent, and answers as a test wishes. */
export class Receiver {
  readonly posted: Posted[] = [];
  readonly changes = new Changes();
  url = '';
  /** Can be changed at any time. Default: 204. */
  respond: Respond = response => response.writeHead(204).end();

  static async start(t: Test): Promise<Receiver> {
    const receiver = new Receiver();
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const posted = {
          path: request.url!,
          headers: request.headers,
          body: Buffer.concat(chunks).toString(),
        };
        receiver.posted.push(posted);
        receiver.respond(response, posted);
        receiver.changes.notify();
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/facts`;
    t.teardown(() => {
      server.closeAllConnections();
      server.close();
    });
    return receiver;
  }
}
