import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { Test } from 'tap';
import { Changes } from '../deadline/index.ts';

/** The tag of a COMMIT that the server has done. */
const COMMITTED = Buffer.from('COMMIT\0');
const INSERTING = Buffer.from('INSERT INTO facts');

/**
 * A cable to a PostgreSQL server that breaks when a test wants it to.
 *
 * - `cutAfterCommit`: the server's answer to so many COMMITs is swallowed, and the connection cut.
 * - `cutAtFacts`: so many statements that bring facts are cut off in their middle.
 * - `stalled`: nothing passes any more, in either direction; nothing is closed.
 * - `refused`: who connects is turned away.
 */
export class FaultProxy {
  cutAfterCommit = 0;
  cutAtFacts = 0;
  /** Faults that have happened. */
  cuts = 0;
  readonly changes = new Changes();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #refused = false;
  #stalled = false;

  private constructor(port: number) {
    this.#server = createServer(near => this.#take(near, connect({ host: '127.0.0.1', port })));
  }

  /** Lays one to a port on this machine; it is gone when the test ends. */
  static async lay(t: Test, port: number): Promise<FaultProxy> {
    const proxy = new FaultProxy(port);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    t.teardown(() => {
      proxy.refused = true;
      proxy.#server.close();
    });
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Client connections that are open right now. */
  get open(): number {
    return this.#sockets.size / 2;
  }

  set refused(refused: boolean) {
    this.#refused = refused;
    if (refused) for (const socket of this.#sockets) socket.destroy();
  }

  set stalled(stalled: boolean) {
    this.#stalled = stalled;
    for (const socket of this.#sockets) {
      if (stalled) socket.pause();
      else socket.resume();
    }
  }

  #take(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      if (this.#stalled) socket.pause();
      socket.on('error', () => {});
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
        this.changes.notify();
      });
    }
    if (this.#refused) {
      near.destroy();
      return;
    }
    far.on('data', (bytes: Buffer) => {
      if (this.cutAfterCommit > 0 && bytes.includes(COMMITTED)) {
        this.cutAfterCommit--;
        this.#cut(near);
      } else near.write(bytes);
    });
    near.on('data', (bytes: Buffer) => {
      const at = this.cutAtFacts > 0 ? bytes.indexOf(INSERTING) : -1;
      if (at === -1) far.write(bytes);
      else {
        this.cutAtFacts--;
        far.write(bytes.subarray(0, at + INSERTING.length), () => this.#cut(near));
      }
    });
  }

  #cut(near: Socket): void {
    this.cuts++;
    near.destroy();
  }
}
