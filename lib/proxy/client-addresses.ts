import type { IncomingMessage } from 'node:http';
import { AddressSet, addressBucket, addressOf, clientAddress } from '../wire/index.ts';

/** In `listen.trustedProxies`: whoever connects to the unix socket. */
export const UNIX_PEER = 'unix';

/** Who a client is by its address: the peer, or what trusted proxies say of it. */
export class ClientAddresses {
  readonly #trusted: AddressSet;
  readonly #trustsUnix: boolean;

  /** @param trustedProxies addresses, CIDR ranges, or `unix` for the peers of a unix socket. */
  constructor(trustedProxies: readonly string[]) {
    this.#trusted = new AddressSet(trustedProxies.filter(range => range !== UNIX_PEER));
    this.#trustsUnix = trustedProxies.includes(UNIX_PEER);
  }

  /** The client's address, '' for a peer without one (a unix socket) that no trusted proxy speaks for. */
  of(req: IncomingMessage): string {
    const peer = addressOf(req.socket.remoteAddress ?? '');
    const forwarded = req.headers['x-forwarded-for'];
    if (forwarded === undefined) return peer ?? '';
    const field = typeof forwarded === 'string' ? forwarded : forwarded.join(',');
    if (peer === null ? !this.#trustsUnix : this.#trusted.size === 0) return peer ?? '';
    return clientAddress(peer, field, this.#trusted) ?? '';
  }

  /** What connections are counted by: null for a trusted proxy, which speaks for many. */
  bucketOfPeer(remoteAddress: string | undefined): string | null {
    const peer = addressOf(remoteAddress ?? '');
    return peer === null || (this.#trusted.size > 0 && this.#trusted.has(peer)) ? null : addressBucket(peer);
  }
}
