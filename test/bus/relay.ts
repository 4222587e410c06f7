import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Test } from 'tap';
import { Changes } from '../deadline/index.ts';

/** A cable between a bus and its server that can be cut and mended. */
export interface Relay {
  readonly url: string;
  /** Ends what is connected and takes nobody until `mend`. */
  cut(): void;
  mend(): void;
  /** Connections that are open right now. */
  readonly open: number;
  /** Connections there have been. */
  readonly taken: number;
  readonly changes: Changes;
}

/** Lays one to a port on this machine; it is gone when the test ends. */
export async function layRelay(t: Test, port: number): Promise<Relay> {
  const sockets = new Set<Socket>();
  const changes = new Changes();
  let isCut = false;
  let taken = 0;
  const server = createServer(near => {
    if (isCut) {
      near.destroy();
      return;
    }
    taken++;
    const far = connect({ host: '127.0.0.1', port });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.pipe(other);
      socket.on('error', () => {});
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
        changes.notify();
      });
    }
    changes.notify();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = (): void => {
    isCut = true;
    for (const socket of sockets) socket.destroy();
  };
  t.teardown(() => {
    cut();
    server.close();
  });
  return {
    url: `nats://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut,
    mend: () => {
      isCut = false;
    },
    get open() {
      return sockets.size / 2;
    },
    get taken() {
      return taken;
    },
    changes,
  };
}
