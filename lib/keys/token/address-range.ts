const RANGE = /^([^/]+)(?:\/(\d{1,3}))?$/;
const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;

const IPV4_BITS = 32;
const IPV6_BITS = 128;
const IPV6_GROUPS = 8;

/**
 * Whether a text is an address or a CIDR range that an `AddressSet` takes. It
 * needs no Node, since keys are also minted where there is none. An IPv4
 * address inside IPv6 is refused in every spelling: such a client is known by
 * its IPv4 address.
 */
export function isAddressRange(text: string): boolean {
  const [, address = '', bits] = RANGE.exec(text) ?? [];
  const widthBits = isIpv4(address) ? IPV4_BITS : isPlainIpv6(address) ? IPV6_BITS : 0;
  return widthBits > 0 && (bits === undefined || Number(bits) <= widthBits);
}

function isIpv4(text: string): boolean {
  const octets = text.split('.');
  return octets.length === 4 && octets.every(octet => OCTET.test(octet) && Number(octet) <= 255);
}

function isPlainIpv6(text: string): boolean {
  const groups = ipv6Groups(text);
  return groups !== null && !(groups[5] === 0xffff && groups.slice(0, 5).every(group => group === 0));
}

/** The eight numbers of an IPv6 address (RFC 4291 §2.2), or null. */
function ipv6Groups(text: string): readonly number[] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const left = groupsOf(halves[0]!, halves.length === 1);
  const right = groupsOf(halves[1] ?? '', true);
  if (left === null || right === null) return null;
  const missing = IPV6_GROUPS - left.length - right.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return null;
  return [...left, ...Array<number>(missing).fill(0), ...right];
}

/** The groups of one half; at the end of the address the last two may be written as IPv4. */
function groupsOf(half: string, isEnd: boolean): readonly number[] | null {
  if (half === '') return [];
  const words = half.split(':');
  const tail = isEnd && isIpv4(words.at(-1)!) ? words.pop()!.split('.').map(Number) : [];
  if (!words.every(word => GROUP.test(word))) return null;
  const pairs = tail.length === 0 ? [] : [tail[0]! * 256 + tail[1]!, tail[2]! * 256 + tail[3]!];
  return [...words.map(word => Number.parseInt(word, 16)), ...pairs];
}
