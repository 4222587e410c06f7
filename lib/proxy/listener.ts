import { chmodSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { type AddressInfo, connect, type ListenOptions } from 'node:net';
import type { RequestHandler } from './handler.ts';
import type { Timeouts } from './plan.ts';
import { createDataServer, type ListenSettings } from './server.ts';

export interface DrainTimes {
  /** How long new connections are still taken after the drain began. */
  readonly lameDuckMs: number;
  /** How long running exchanges may go on after that. */
  readonly drainMs: number;
}

/** The data port: opens, drains, closes. */
export class Listener {
  readonly #server: Server;
  readonly #settings: ListenSettings;
  readonly #handler: RequestHandler;
  #endLameDuck: (() => void) | null = null;

  constructor(settings: ListenSettings, timeouts: Timeouts, handler: RequestHandler) {
    this.#settings = settings;
    this.#handler = handler;
    this.#server = createDataServer(settings, timeouts, handler);
  }

  /** Takes over what a reload may change of the server itself. */
  update(connections: number, timeouts: Timeouts): void {
    this.#server.maxConnections = connections;
    this.#server.headersTimeout = timeouts.headersMs;
  }

  /** Resolves with the URL (or `unix:PATH`); rejects with the system's error. */
  async open(): Promise<string> {
    const { host, port, path } = this.#settings;
    if (path === null) await this.#listen({ host, port });
    else await this.#listenOnPath(path);
    if (path !== null) {
      // The folder decides who may connect; the socket itself must let nginx's user in.
      chmodSync(path, 0o666);
      return `unix:${path}`;
    }
    const address = this.#server.address() as AddressInfo;
    const name = address.family === 'IPv6' ? `[${address.address}]` : address.address;
    return `${this.#settings.tls === null ? 'http' : 'https'}://${name}:${address.port}`;
  }

  #listen(where: ListenOptions): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(where, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** A socket file that nobody serves is what a killed process left behind: it is replaced. */
  async #listenOnPath(path: string): Promise<void> {
    try {
      await this.#listen({ path });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE' || (await isServed(path))) throw error;
      unlinkSync(path);
      await this.#listen({ path });
    }
  }

  /** Stops taking connections after the lame duck, lets running exchanges end, cuts what is left. */
  async drain(times: DrainTimes): Promise<void> {
    this.#handler.startDraining();
    if (times.lameDuckMs > 0) await this.#lameDuck(times.lameDuckMs);
    const closed = new Promise<void>(resolve => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    // close() alone leaves a kept-alive socket open after its last answer.
    const idle = setInterval(() => this.#server.closeIdleConnections(), 100);
    const cut = setTimeout(() => this.cutAll(), times.drainMs);
    await closed;
    clearInterval(idle);
    clearTimeout(cut);
  }

  #lameDuck(lameDuckMs: number): Promise<void> {
    return new Promise(resolve => {
      const timer = setTimeout(resolve, lameDuckMs);
      this.#endLameDuck = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends every exchange where it stands, as drained away, and a lame duck with them. */
  cutAll(): void {
    this.#endLameDuck?.();
    this.#handler.cutAll();
    this.#server.closeAllConnections();
  }
}

function isServed(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect({ path });
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', () => resolve(false));
  });
}
