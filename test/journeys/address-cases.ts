import type { OutgoingHttpHeaders } from 'node:http';

/** The proxy of these tests, and one behind it. */
export const PROXY = '127.0.200.1';
export const INNER_PROXY = '10.1.2.3';
export const TRUSTED = ['127.0.200.0/24', '10.0.0.0/8'];

export const CLIENT = '203.0.113.7';
export const OTHER = '203.0.113.8';

/** Addresses that a case may be about. */
export const NAMED = [
  '127.0.0.9',
  CLIENT,
  OTHER,
  '10.9.9.9',
  PROXY,
  INNER_PROXY,
  '2001:db8::7',
  '::1',
] as const;

/** A list is sent as fields of their own. */
export const xff = (value: string | string[]): OutgoingHttpHeaders => ({ 'X-Forwarded-For': value });

/** Null: nobody knows which. */
type Client = (typeof NAMED)[number] | null;

/** From where a request comes, what it says, and who its client then is. */
export const CLIENT_CASES: readonly (readonly [
  from: string,
  headers: OutgoingHttpHeaders,
  client: Client,
])[] = [
  // Nobody but a trusted proxy is believed.
  ['127.0.0.9', {}, '127.0.0.9'],
  ['127.0.0.9', xff(CLIENT), '127.0.0.9'],
  ['127.0.0.9', xff(`${CLIENT}, ${PROXY}`), '127.0.0.9'],
  [PROXY, {}, PROXY],
  [PROXY, xff(CLIENT), CLIENT],
  // No other field says anything.
  [PROXY, { Forwarded: `for=${CLIENT}`, 'X-Real-IP': CLIENT, 'CF-Connecting-IP': CLIENT }, PROXY],
  [PROXY, { 'True-Client-IP': CLIENT, 'X-Client-IP': CLIENT, X_Forwarded_For: CLIENT }, PROXY],
  ['127.0.0.9', { Forwarded: `for=${CLIENT}`, 'X-Real-IP': CLIENT, 'CF-Connecting-IP': CLIENT }, '127.0.0.9'],
  // The right-most that is not trusted; what stands left of it anybody may have written.
  [PROXY, xff(`${OTHER}, ${CLIENT}`), CLIENT],
  [PROXY, xff(`${OTHER}, ${CLIENT}, ${INNER_PROXY}`), CLIENT],
  [PROXY, xff(`${CLIENT}, ${INNER_PROXY}, ${PROXY}, 127.0.200.99`), CLIENT],
  [PROXY, xff(`${OTHER},${CLIENT},${INNER_PROXY}`), CLIENT],
  [PROXY, xff([OTHER, CLIENT]), CLIENT],
  [PROXY, xff([`${OTHER}, ${CLIENT}`, INNER_PROXY]), CLIENT],
  [PROXY, xff([CLIENT, `${INNER_PROXY}, ${PROXY}`]), CLIENT],
  // Where all are trusted, the left-most.
  [PROXY, xff(`10.9.9.9, ${INNER_PROXY}`), '10.9.9.9'],
  // Spellings.
  [PROXY, xff(`  ${CLIENT}\t `), CLIENT],
  [PROXY, xff(`${OTHER} ,\t${CLIENT} , ${INNER_PROXY}`), CLIENT],
  [PROXY, xff(`${CLIENT}:4711`), CLIENT],
  [PROXY, xff(`${CLIENT}:4711, ${INNER_PROXY}:80`), CLIENT],
  [PROXY, xff(`::ffff:${CLIENT}`), CLIENT],
  [PROXY, xff('::ffff:cb00:7107'), CLIENT],
  [PROXY, xff('2001:db8::7'), '2001:db8::7'],
  [PROXY, xff('[2001:DB8::7]'), '2001:db8::7'],
  [PROXY, xff('[2001:db8:0:0::7]:4711'), '2001:db8::7'],
  [PROXY, xff('2001:0db8:0000:0000:0000:0000:0000:0007'), '2001:db8::7'],
  [PROXY, xff(`${OTHER}, [2001:db8::7]:80, ${INNER_PROXY}`), '2001:db8::7'],
  // A hop that is no address: the search ends at the one before it.
  [PROXY, xff('unknown'), PROXY],
  [PROXY, xff(''), PROXY],
  [PROXY, xff(', ,'), PROXY],
  [PROXY, xff(`${CLIENT},`), PROXY],
  [PROXY, xff(`${CLIENT}, unknown`), PROXY],
  [PROXY, xff(`${CLIENT}, unknown, ${INNER_PROXY}`), INNER_PROXY],
  [PROXY, xff(`${CLIENT}, _hidden, ${INNER_PROXY}`), INNER_PROXY],
  [PROXY, xff(`${CLIENT} ${OTHER}`), PROXY],
  [PROXY, xff(`"${CLIENT}"`), PROXY],
  [PROXY, xff('203.0.113'), PROXY],
  [PROXY, xff('203.0.113.007'), PROXY],
  [PROXY, xff('3405803783'), PROXY],
  [PROXY, xff('0xcb007107'), PROXY],
  [PROXY, xff(`${CLIENT}/32`), PROXY],
  [PROXY, xff(`http://${CLIENT}`), PROXY],
  [PROXY, xff(`unknown, ${CLIENT}`), CLIENT],
  // Lists without an end.
  [PROXY, xff(`${'6.6.6.6,'.repeat(1000)}${CLIENT}`), CLIENT],
  [PROXY, xff(`${'6.6.6.6,'.repeat(1000)}${CLIENT},${INNER_PROXY}`), CLIENT],
  [PROXY, xff(`${'x'.repeat(8000)}, ${CLIENT}`), CLIENT],
  [PROXY, xff(`${','.repeat(8000)}${CLIENT}`), CLIENT],
  [PROXY, xff('9'.repeat(8000)), PROXY],
  [PROXY, xff('['.repeat(8000)), PROXY],
];

export const IPV6_CASES: typeof CLIENT_CASES = [
  ['::1', {}, '::1'],
  ['::1', xff(CLIENT), '::1'],
];

type UnixCases = readonly (readonly [headers: OutgoingHttpHeaders, client: Client])[];

/** The same over a unix socket: its peers trusted, these and `10.0.0.0/8`, the latter alone. */
export const UNIX_CASES: Readonly<Record<'trusted' | 'chained' | 'untrusted', UnixCases>> = {
  trusted: [
    [{}, null],
    [xff(CLIENT), CLIENT],
    [xff(`${OTHER}, ${CLIENT}`), CLIENT],
    [xff(`${OTHER}, ${INNER_PROXY}`), INNER_PROXY],
    [xff([OTHER, CLIENT]), CLIENT],
    [xff('2001:db8::7'), '2001:db8::7'],
    [xff(`${CLIENT}, unknown`), null],
    [xff(''), null],
    [{ 'X-Real-IP': CLIENT }, null],
    [xff(`${CLIENT}:4711`), CLIENT],
    [xff('[2001:db8::7]:4711'), '2001:db8::7'],
  ],
  chained: [
    [xff(`${OTHER}, ${CLIENT}, ${INNER_PROXY}`), CLIENT],
    [xff(`${OTHER}, ${CLIENT}:80, ${INNER_PROXY}:80`), CLIENT],
    [xff(`${'6.6.6.6,'.repeat(1000)}${CLIENT}`), CLIENT],
  ],
  untrusted: [
    [xff(CLIENT), null],
    [xff(`${CLIENT}, ${INNER_PROXY}`), null],
  ],
};
