import { isIP, isIPv4 } from 'node:net';
import fc from 'fast-check';
import t from 'tap';
import { isAddressRange } from '../../../lib/keys/token/address-range.ts';
import { AddressSet, addressOf } from '../../../lib/wire/index.ts';

t.test('addresses and ranges', async t => {
  const good = ['192.0.2.1', '10.0.0.0/8', '0.0.0.0/0', '::', '::1', '2001:db8::/32', '::/0', 'fe80::1'];
  for (const text of good) t.ok(isAddressRange(text), text);
  const bad = [
    '',
    '/8',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0/8',
    '010.0.0.0',
    '256.1.1.1',
    '1.2.3.4.5',
    '::/129',
    '1::2::3',
    ':::',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    'fe80::1%eth0',
    '12345::',
    'localhost',
    ' ::1',
    '::1\n',
  ];
  for (const text of bad) t.notOk(isAddressRange(text), JSON.stringify(text));
});

t.test('an IPv4 address inside IPv6 is refused in every spelling', async t => {
  for (const text of ['::ffff:10.0.0.1', '::FFFF:a00:1', '0:0:0:0:0:ffff:10.0.0.1', '0::ffff:0:0/96'])
    t.notOk(isAddressRange(text), text);
  t.ok(isAddressRange('::10.0.0.1'), 'the older form is an IPv6 address of its own');
  t.ok(isAddressRange('64:ff9b::10.0.0.1'));
});

const group = fc.constantFrom(
  '0',
  '1',
  'ffff',
  'FFFF',
  'db8',
  '12345',
  'g',
  '',
  '1.2.3.4',
  '01.2.3.4',
  '1.2.3',
);
const ipv6 = fc.array(group, { minLength: 1, maxLength: 9 }).map(groups => groups.join(':'));
const octet = fc.constantFrom('0', '9', '10', '255', '256', '00', '01', '', 'a');
const ipv4 = fc.array(octet, { minLength: 3, maxLength: 5 }).map(octets => octets.join('.'));
const bits = fc.constantFrom('', '/0', '/8', '/08', '/32', '/33', '/128', '/129', '/1000', '/', '/x');
const text = fc.tuple(fc.oneof(ipv6, ipv4, fc.ipV4(), fc.ipV6()), bits).map(parts => parts.join(''));

/** Node's own opinion. */
function isRangeOnNode(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/');
  const family = isIP(address);
  if (family === 0 || more.length > 0 || address.includes('%')) return false;
  if (family === 6 && isIPv4(addressOf(address)!)) return false;
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

t.test('Node agrees, and the gateway can make a set of it', async t => {
  fc.assert(
    fc.property(text, text => {
      const isRange = isAddressRange(text);
      return isRange === isRangeOnNode(text) && (!isRange || new AddressSet([text]).size === 1);
    }),
    { numRuns: 20_000 },
  );
  t.pass();
});
