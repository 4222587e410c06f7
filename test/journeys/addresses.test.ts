import { mkdtempSync, rmSync } from 'node:fs';
import type { OutgoingHttpHeaders } from 'node:http';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { mintKey, newIssuer } from '../../lib/keys/token/mint.ts';
import { within } from '../deadline/index.ts';
import { startWeir, type WeirProcess } from '../process/index.ts';
import { respond, Upstream } from '../upstream/index.ts';
import {
  CLIENT,
  CLIENT_CASES,
  INNER_PROXY,
  IPV6_CASES,
  NAMED,
  OTHER,
  PROXY,
  TRUSTED,
  UNIX_CASES,
  xff,
} from './address-cases.ts';
import { type Answered, askFrom, Held, type Place } from './from-address.ts';

const KEY = 'team-5b1d77aa90c34e';
const issuer = newIssuer();
const CHAT = '/openai/v1/chat/completions';
const BODY = '{"model":"m"}';
const HAS_IPV6 = Object.values(networkInterfaces()).some(list =>
  list?.some(({ address }) => address === '::1'),
);

const provider = await Upstream.start();
t.teardown(() => provider.close());
provider.reply(respond(200, [['Content-Type', 'application/json']], '{}'));

interface Sections {
  readonly listen?: object;
  readonly limits?: object;
  readonly keys?: readonly object[];
}

function start(t: Test, { listen, limits, keys }: Sections): Promise<WeirProcess> {
  const shipped = { origin: provider.origin, keys: ['env:POOL'] };
  return startWeir(t, {
    config: {
      listen: { host: HAS_IPV6 ? '::' : '127.0.0.1', trustedProxies: TRUSTED, ...listen },
      providers: {
        openai: shipped,
        anthropic: shipped,
        google: shipped,
        ollama: shipped,
        cohere: shipped,
        bedrock: { ...shipped, region: 'eu-west-1' },
      },
      auth: {
        issuers: [{ publicKey: issuer.publicKey }],
        staticKeys: [{ id: 'team', key: 'env:CLIENT' }, ...(keys ?? [])],
      },
      limits: { badCredentialsPerAddress: 1_000_000, ...limits },
    },
    env: { POOL: 'sk-of-the-pool', CLIENT: KEY, ...NAMED_KEYS },
  });
}

const keyFor = (address: string): string => `key-for-${address.replaceAll(':', '-')}`;
const variableFor = (address: string): string => `KEY_${NAMED.indexOf(address as never)}`;
const NAMED_KEYS = Object.fromEntries(NAMED.map(address => [variableFor(address), keyFor(address)]));
const KEYS_BY_ADDRESS = NAMED.map((address, i) => ({
  id: `only-${i}`,
  key: `env:${variableFor(address)}`,
  grant: { ips: [address] },
}));

function chat(place: Place, headers: OutgoingHttpHeaders = {}, key = KEY): Promise<Answered> {
  return askFrom(place, { target: CHAT, headers: { 'x-api-key': key, ...headers }, body: BODY });
}

/** The one address of `NAMED` that the gateway takes the client for: a key that is good there alone tells. */
async function takenFor(place: Place, headers: OutgoingHttpHeaders): Promise<string | null> {
  const found: string[] = [];
  for (const address of NAMED)
    if ((await chat(place, headers, keyFor(address))).status === 200) found.push(address);
  if (found.length > 1) throw new Error(`taken for ${found.join(' and ')}`);
  return found[0] ?? null;
}

t.test('who a client is', async t => {
  const weir = await start(t, { keys: KEYS_BY_ADDRESS });
  const cases = HAS_IPV6 ? [...CLIENT_CASES, ...IPV6_CASES] : CLIENT_CASES;
  for (const [from, headers, client] of cases) {
    const name = `${from} ${JSON.stringify(headers).slice(0, 90)}`;
    t.equal(await takenFor({ port: weir.port, from }, headers), client, name);
  }
});

t.test('without trusted proxies nobody is believed', async t => {
  const weir = await start(t, { listen: { trustedProxies: [] }, keys: KEYS_BY_ADDRESS });
  for (const from of [PROXY, '127.0.0.9'])
    t.equal(await takenFor({ port: weir.port, from }, xff(`${CLIENT}, ${OTHER}`)), from);
});

t.test('behind a unix socket', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'weir-addresses-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const at = async (name: string, trustedProxies: readonly string[]): Promise<Place> => {
    const path = join(folder, name);
    await start(t, { listen: { host: undefined, path, trustedProxies }, keys: KEYS_BY_ADDRESS });
    return { socketPath: path };
  };
  const [trusted, chained, untrusted] = await Promise.all([
    at('trusted', ['unix']),
    at('chained', ['unix', '10.0.0.0/8']),
    at('untrusted', ['10.0.0.0/8']),
  ]);
  const cases = [
    ...UNIX_CASES.trusted.map(one => [trusted, ...one] as const),
    ...UNIX_CASES.chained.map(one => [chained, ...one] as const),
    ...UNIX_CASES.untrusted.map(one => [untrusted, ...one] as const),
  ];
  for (const [place, headers, client] of cases)
    t.equal(await takenFor(place, headers), client, `${place.socketPath} ${JSON.stringify(headers)}`);
  t.equal((await chat(untrusted)).status, 200, 'a key that is good anywhere');
});

t.test('listen.allow', async t => {
  const weir = await start(t, { listen: { allow: ['127.0.7.0/24', CLIENT, '2001:db8::/32'] } });
  const ask = (from: string, headers: OutgoingHttpHeaders = {}) => chat({ port: weir.port, from }, headers);
  for (const [from, headers] of [
    ['127.0.7.9', {}],
    ['127.0.7.9', xff('127.0.8.9')],
    [PROXY, xff(CLIENT)],
    [PROXY, xff(`6.6.6.6, [2001:db8:9::1]:80, ${INNER_PROXY}`)],
  ] as const)
    t.equal((await ask(from, headers)).status, 200, `${from} ${JSON.stringify(headers)}`);
  for (const [from, headers] of [
    ['127.0.8.9', {}],
    ['127.0.8.9', xff(CLIENT)],
    [PROXY, {}],
    [PROXY, xff('unknown')],
    [PROXY, xff(`${CLIENT}, ${OTHER}`)],
  ] as const) {
    const answer = await ask(from, headers);
    t.equal(answer.headers['x-weir-error'], 'address_refused', `${from} ${JSON.stringify(headers)}`);
    t.equal(answer.status, 403);
  }
  const unknown = await askFrom({ port: weir.port, from: '127.0.8.9' }, { target: '/nobody/x' });
  t.equal(unknown.status, 403, 'before anything else is told');
  t.equal((await askFrom({ port: weir.port, from: '127.0.8.9' }, { target: '/health' })).status, 200);
});

t.test('requests of an address are counted as one client’s, however it is spelled', async t => {
  const weir = await start(t, { limits: { perAddress: { rpm: 4 } } });
  const ask = (from: string, headers: OutgoingHttpHeaders = {}) => chat({ port: weir.port, from }, headers);
  /** Each is sent `each` times in turn; four get through if they are one client. */
  const statuses = async (asks: readonly (readonly [string, OutgoingHttpHeaders])[]): Promise<number[]> => {
    const found: number[] = [];
    for (const [from, headers] of asks) found.push((await ask(from, headers)).status);
    return found;
  };
  const one = [200, 200, 200, 200, 429, 429];
  const six = Array.from({ length: 6 }, (_, i) => i);
  t.strictSame(await statuses(six.map(() => ['127.0.11.1', {}])), one, 'a peer');
  t.strictSame(
    await statuses(six.map(i => ['127.0.11.2', xff(`1.2.3.${i}`)])),
    one,
    'that says it is others',
  );
  const fields = ['Forwarded', 'X-Real-IP', 'CF-Connecting-IP', 'True-Client-IP', 'X-Client-IP', 'Via'];
  t.strictSame(
    await statuses(six.map(i => ['127.0.11.3', { [fields[i]!]: `for=1.2.3.${i}` }])),
    one,
    'in other fields',
  );
  t.strictSame(
    await statuses(six.map(i => [PROXY, xff(`6.6.6.${i}, 203.0.113.21`)])),
    one,
    'spoofed behind a proxy',
  );
  const spelled = [
    '203.0.113.22',
    '::ffff:203.0.113.22',
    '203.0.113.22:80',
    '[::ffff:203.0.113.22]:80',
    '::ffff:cb00:7116',
    '::FFFF:203.0.113.22',
  ];
  t.strictSame(await statuses(spelled.map(address => [PROXY, xff(address)])), one, 'spelled in six ways');
  const subnet = ['::1', '::2', ':ffff:ffff:ffff:ffff', '::1%eth0', ':0:0:0:9', '::abcd'].map(
    rest => `2001:db8:1:2${rest}`,
  );
  t.strictSame(await statuses(subnet.map(address => [PROXY, xff(address)])), one, 'a /64');
  t.equal((await ask(PROXY, xff('2001:db8:1:3::1'))).status, 200, 'the next /64 is another');
  t.strictSame(
    await statuses([
      ['127.0.11.4', {}],
      [PROXY, xff('127.0.11.4')],
      ['127.0.11.4', xff('9.9.9.9')],
      [PROXY, xff('9.9.9.9, 127.0.11.4')],
      ['127.0.11.4', {}],
      [PROXY, xff(`127.0.11.4, ${INNER_PROXY}`)],
    ]),
    one,
    'directly and through a proxy',
  );
  t.equal((await ask('127.0.11.5')).status, 200, 'another peer is another client');
  if (!HAS_IPV6) return;
  t.strictSame(await statuses(six.map(() => ['::1', {}])), one);
  t.equal((await ask('127.0.0.1')).status, 200, '127.0.0.1 is not ::1');
});

t.test(
  'a limited address is told so in the words of each dialect, before anything else is looked at',
  async t => {
    const weir = await start(t, { limits: { perAddress: { rpm: 1 } } });
    const place = { port: weir.port, from: '127.0.12.1' };
    t.equal((await chat(place)).status, 200);
    const openai = { error: { message: String, type: String, code: String } };
    const anthropic = { type: 'error', error: { type: String, message: String } };
    const gemini = { error: { code: 429, message: String, status: String } };
    const shapes: readonly (readonly [target: string, shape: object])[] = [
      [CHAT, openai],
      ['/anthropic/v1/messages', anthropic],
      ['/google/v1beta/models/m:generateContent', gemini],
      ['/ollama/api/chat', { error: String }],
      ['/cohere/v2/chat', { message: String }],
      ['/bedrock/model/m/converse', { message: String }],
      ['/nobody/v1/messages', anthropic],
      ['/nobody/models/m:generateContent', gemini],
      ['/nobody/x', openai],
    ];
    for (const [target, shape] of shapes) {
      for (const headers of [{ 'x-api-key': KEY }, { 'x-api-key': 'sk-of-nobody' }, {}]) {
        const answer = await askFrom(place, { target, headers, body: BODY });
        t.equal(answer.status, 429, target);
        t.equal(answer.headers['x-weir-error'], 'address_rate_limited', target);
        t.equal(answer.headers['x-should-retry'], 'true');
        const seconds = Number(answer.headers['retry-after']);
        t.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 3600, `retry-after ${seconds}`);
        t.match(JSON.parse(answer.body), shape, target);
      }
    }
    t.equal((await askFrom(place, { target: '/openai//v1' })).status, 400, 'a bad target comes first');
  },
);

t.test('own pages and probes are not limited', async t => {
  const weir = await start(t, { limits: { perAddress: { rpm: 1 } } });
  const place = { port: weir.port, from: '127.0.12.2' };
  for (let i = 0; i < 3; i++) {
    for (const target of ['/', '/health'])
      for (const method of ['GET', 'HEAD'])
        t.equal((await askFrom(place, { method, target })).status, 200, target);
    for (const target of ['/openai', '/openai/', '/openai/api/hello', '/api/hello'])
      t.equal((await askFrom(place, { method: 'HEAD', target })).status, 200, target);
  }
  t.equal((await chat(place)).status, 200, 'and are not counted');
  t.equal((await chat(place)).status, 429);
});

t.test('bad credentials of an address', async t => {
  const weir = await start(t, { limits: { badCredentialsPerAddress: 3 } });
  const mint = (subject: string): string =>
    mintKey(issuer.secretKey, { subject, expires: new Date(Date.now() + 3_600_000) });
  const known = mint('known');
  const guess = async (
    from: string,
    headers: OutgoingHttpHeaders = {},
    key = 'sk-guess',
  ): Promise<string> => {
    const { headers: answered } = await chat({ port: weir.port, from }, headers, key);
    return String(answered['x-weir-error']);
  };
  const spend = async (from: string, headers: (i: number) => OutgoingHttpHeaders): Promise<string[]> => {
    const found: string[] = [];
    for (let i = 0; i < 5; i++) found.push(await guess(from, headers(i), `sk-guess-${i}`));
    return found;
  };
  const spent = [
    ...Array<string>(3).fill('invalid_key'),
    ...Array<string>(2).fill('too_many_bad_credentials'),
  ];

  const place = { port: weir.port, from: '127.0.13.1' };
  t.equal((await chat(place, {}, known)).status, 200, 'seen before');
  t.strictSame(await spend(place.from, () => ({})), spent);
  const refused = await chat(place, {}, 'sk-guess');
  t.equal(refused.status, 429);
  const seconds = Number(refused.headers['retry-after']);
  t.ok(Number.isInteger(seconds) && seconds >= 1 && seconds <= 3600, `retry-after ${seconds}`);
  t.match(JSON.parse(refused.body), { error: { message: String } });
  t.equal((await chat(place)).status, 200, 'a static key still passes');
  t.equal((await chat(place, {}, known)).status, 200, 'and a signed one that is known');
  t.equal((await chat(place, {}, mint('new'))).status, 429, 'one that is not known is not looked at');
  const none = await askFrom(place, { target: CHAT, body: BODY });
  t.equal(none.status, 401, 'no key at all is no guess');
  t.equal((await chat({ ...place, from: '127.0.13.2' }, {}, mint('new'))).status, 200, 'elsewhere it is');

  t.strictSame(await spend('127.0.13.3', i => xff(`1.2.3.${i}`)), spent, 'whoever it says it is');
  t.strictSame(await spend(PROXY, i => xff(`6.6.6.${i}, 203.0.113.31`)), spent, 'behind a proxy');
  t.strictSame(await spend(PROXY, i => xff(`2001:db8:5:6::${i}`)), spent, 'a /64');
  t.equal(await guess(PROXY, xff('203.0.113.32')), 'invalid_key', 'other clients of the proxy');
  t.equal(await guess(PROXY, xff('2001:db8:5:7::1')), 'invalid_key');
  for (let i = 0; i < 6; i++)
    t.equal(
      (await askFrom({ port: weir.port, from: '127.0.13.4' }, { target: CHAT, body: BODY })).status,
      401,
    );
  t.equal(await guess('127.0.13.4'), 'invalid_key', 'requests without a key were not counted');
  for (let i = 0; i < 6; i++)
    await askFrom(
      { port: weir.port, from: '127.0.13.5' },
      { target: '/nobody/x', headers: { 'x-api-key': 'sk-guess' } },
    );
  t.equal(await guess('127.0.13.5'), 'invalid_key', 'nor those that were never looked at');
});

t.test('connections of an address', async t => {
  const weir = await start(t, { limits: { connectionsPerAddress: 3 } });
  const open = (from: string, count: number): Promise<Held[]> =>
    Promise.all(Array.from({ length: count }, () => Held.open({ port: weir.port, from })));
  const served = async (held: readonly Held[]): Promise<number> =>
    (await Promise.all(held.map(one => one.served()))).filter(Boolean).length;

  const from = '127.0.14.1';
  const held = await open(from, 20);
  t.equal(await served(held), 3, 'three of twenty, all at once');
  t.equal(await served(await open(from, 5)), 0, 'no more while they are open');
  const elsewhere = await open('127.0.14.2', 3);
  t.equal(await served(elsewhere), 3, 'another address has its own');
  const proxied = await open(PROXY, 20);
  t.equal(await served(proxied), 20, 'a trusted proxy speaks for many');

  const mine: Held[] = [];
  for (const one of held) if (await one.served()) mine.push(one);
  t.equal(mine.length, 3);
  for (let round = 0; round < 3; round++) {
    await mine.shift()!.close();
    mine.push(await within(accepted({ port: weir.port, from }), 'the place that became free'));
    t.equal(await served(await open(from, 3)), 0, 'one place, not more');
  }
  if (HAS_IPV6) t.equal(await served(await open('::1', 5)), 3);
  await Promise.all([...mine, ...elsewhere, ...proxied, ...held].map(one => one.close()));
});

/** A connection that is served. A closed one frees its place only once the gateway has noticed. */
async function accepted(place: Place): Promise<Held> {
  for (;;) {
    const held = await Held.open(place);
    if (await held.served()) return held;
  }
}
