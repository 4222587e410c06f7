import type { Duplex } from 'node:stream';
import type { Plan } from './plan.ts';

/** Counts open connections by client address, so that one client cannot take them all. */
export class ConnectionCap {
  readonly #open = new Map<string, number>();

  /** False where this connection is one too many: the caller ends it. */
  take(socket: Duplex & { readonly remoteAddress?: string | undefined }, plan: Plan): boolean {
    const bucket = plan.addresses.bucketOfPeer(socket.remoteAddress);
    if (bucket === null) return true;
    const count = this.#open.get(bucket) ?? 0;
    if (count >= plan.connectionsPerAddress) return false;
    this.#open.set(bucket, count + 1);
    socket.once('close', () => this.#release(bucket));
    return true;
  }

  #release(bucket: string): void {
    const count = this.#open.get(bucket)! - 1;
    if (count === 0) this.#open.delete(bucket);
    else this.#open.set(bucket, count);
  }
}
