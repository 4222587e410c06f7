import { BlockList, isIPv4, isIPv6, SocketAddress } from 'node:net';

const MAPPED = /^::ffff:(?=\d{1,3}\.)/i;

/**
 * One spelling for one client: without zone id, an IPv4 address inside IPv6
 * (`::ffff:192.0.2.1`) as IPv4, IPv6 compressed (RFC 5952). Null for what is no
 * IP address.
 */
export function addressOf(text: string): string | null {
  const plain = text.replace(/%.*$/s, '').replace(MAPPED, '');
  if (isIPv4(plain)) return plain;
  if (!isIPv6(plain)) return null;
  const { address } = new SocketAddress({ address: plain, family: 'ipv6' });
  return address.replace(MAPPED, '');
}

/**
 * What is counted as one client: an IPv4 address, or the /64 of an IPv6 one,
 * since whoever has one address of a /64 has them all (RFC 6177). Takes what
 * `addressOf` gave.
 */
export function addressBucket(address: string): string {
  if (!address.includes(':')) return address;
  const [left = '', right] = address.split('::');
  const head = left === '' ? [] : left.split(':');
  const tail = right === undefined || right === '' ? [] : right.split(':');
  const zeros = right === undefined ? 0 : 8 - head.length - tail.length;
  const groups = [...head, ...Array<string>(zeros).fill('0'), ...tail];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

/** Addresses and CIDR ranges. */
export class AddressSet {
  readonly #list = new BlockList();
  readonly size: number;

  /** @param ranges such as `192.0.2.1`, `10.0.0.0/8`, `2001:db8::/32`; each must be one, without a zone id. */
  constructor(ranges: readonly string[]) {
    this.size = ranges.length;
    for (const range of ranges) {
      const [address = '', bits] = range.split('/');
      const plain = addressOf(address)!;
      const family = isIPv4(plain) ? 'ipv4' : 'ipv6';
      if (bits === undefined) this.#list.addAddress(plain, family);
      else this.#list.addSubnet(plain, Number(bits), family);
    }
  }

  /** Takes what `addressOf` gave. */
  has(address: string): boolean {
    return this.#list.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
  }
}

/** Hops of an `x-forwarded-for` that are looked at, from its right end; no honest chain is longer. */
const HOPS_MAX = 32;

/**
 * The client behind proxies: from the peer leftwards through
 * `x-forwarded-for`, the first address that is none of the trusted ones. A hop
 * that is no address ends the search at the last one that was: what stands
 * further left was written by nobody we know. `forwarded` is the field's value,
 * repeated fields joined by commas; a `peer` of null has no address and is
 * trusted. Null where nothing is known.
 */
export function clientAddress(peer: string | null, forwarded: string, trusted: AddressSet): string | null {
  let client = peer;
  const hops = forwarded.split(',');
  const first = Math.max(0, hops.length - HOPS_MAX);
  for (let i = hops.length - 1; i >= first && (client === null || trusted.has(client)); i--) {
    const address = addressOf(withoutPort(hops[i]!.trim()));
    if (address === null) break;
    client = address;
  }
  return client;
}

/** `192.0.2.1:80` and `[2001:db8::1]:80` as some proxies write them. */
function withoutPort(hop: string): string {
  const match = /^\[([^\]]*)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(hop);
  return match === null ? hop : (match[1] ?? match[2]!);
}
